import { Controller, Get, Inject, Res } from '@nestjs/common';
import { HEALTH } from './health.ts';
import type { Health } from './health.ts';

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): void;
}

@Controller()
export class HealthController {
  readonly #health: Health;

  constructor(@Inject(HEALTH) health: unknown) {
    this.#health = health as Health;
  }

  /** Alive: the event loop turns. Says nothing of what is behind, or an outage there would have all of us killed. */
  @Get('healthz')
  alive(): { status: 'ok'; service: string; version: string } {
    return { status: 'ok', service: this.#health.service, version: this.#health.version };
  }

  @Get('readyz')
  async ready(@Res() reply: unknown): Promise<void> {
    const problems = await this.#health.problems();
    const remarks = this.#health.remarks();
    (reply as Reply).status(problems.length === 0 ? 200 : 503).send({ status: problems.length === 0 ? 'ready' : 'not ready', problems, remarks });
  }

  @Get('metrics')
  async metrics(@Res() reply: unknown): Promise<void> {
    const text = await this.#health.renderMetrics();
    (reply as Reply).header('content-type', this.#health.metricsContentType).send(text);
  }
}
