import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DOOR } from '../door.ts';
import type { Door } from '../door.ts';

@Controller('api/webhook')
export class WebhookController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: unknown) {
    this.#door = door as Door;
  }

  /** Polling finds what a provider could not tell; still it is told the truth, so that it sends it again. */
  @Post()
  @HttpCode(200)
  async take(@Req() incoming: unknown, @Res({ passthrough: true }) reply: unknown): Promise<Record<string, never>> {
    const request = incoming as FastifyRequest & { rawBody?: Buffer };
    try {
      await this.#door.takeWebhook({ headers: request.headers, rawBody: request.rawBody ?? Buffer.alloc(0), body: request.body, source: request.ip });
    } catch (cause) {
      const error = AppError.from(cause);
      if (error.code === 'unavailable' || error.code === 'deadline-exceeded') {
        (reply as FastifyReply).header('retry-after', '5');
        throw new AppError('unavailable', 'the repository watcher does not answer; send it again in a moment, or wait for the next poll', {
          retry: 'later',
          cause,
        });
      }
      throw error;
    }
    return {};
  }
}
