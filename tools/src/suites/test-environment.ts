import { join } from 'node:path';

import { startControlPlane, startNats, startPostgres, startRedis, type ControlPlane, type Dependency } from '@plumbline/testing';

import { startSupervisor } from '../platform/background.ts';
import { checkoutRoot } from '../platform/paths.ts';
import { freePorts } from '../platform/ports.ts';
import { runCommand } from './command.ts';
import type { Outcome, Suite } from './suite.ts';

/**
 * What the tests of one run share: PostgreSQL, NATS, Redis and one control plane for the integration tests, and one
 * platform on the same control plane for the end-to-end tests. Kept below `.plumbline/test`; stopped with the run.
 */
export class TestEnvironment {
  readonly #stateDir: string;
  readonly #tell: (line: string) => void;
  readonly #resources = new AsyncDisposableStack();
  #servers: { postgres: Dependency; nats: Dependency; redis: Dependency | undefined; cluster: ControlPlane } | undefined;
  #platform: string | undefined;

  constructor(stateDir: string, tell: (line: string) => void) {
    this.#stateDir = stateDir;
    this.#tell = tell;
  }

  /** A part of the environment as a suite of one test, so that a failure is counted and what needs it says so. */
  suite(name: string, after: readonly string[], start: () => Promise<void>): Suite {
    return {
      name,
      after,
      run: async (): Promise<Outcome> => {
        await start();
        return { passed: 1, failed: 0, skipped: 0, output: '', timings: [] };
      },
    };
  }

  /** Where CI is true, servers that already run are used; each test file makes its own database, subjects and keys. */
  async startServers(): Promise<void> {
    const options = { stateDir: this.#stateDir, useLocal: process.env['CI'] === 'true', progress: this.#tell };
    const [postgres, nats, redis, cluster] = await Promise.all([
      this.#own(startPostgres(options)),
      this.#own(startNats(options)),
      this.#own(startRedis(options)),
      this.#own(startControlPlane({ stateDir: join(this.#stateDir, 'control-plane'), progress: this.#tell })),
    ]);
    this.#servers = { postgres, nats, redis, cluster };
  }

  forIntegration(): NodeJS.ProcessEnv {
    const { postgres, nats, redis, cluster } = this.#required();
    return {
      ...process.env,
      TEST_POSTGRES_URL: postgres.url,
      TEST_NATS_URL: nats.url,
      // Empty: there is none, and what would need it says so.
      TEST_REDIS_URL: redis?.url ?? '',
      TEST_KUBECONFIG: cluster.kubeconfig,
    };
  }

  async startPlatform(): Promise<void> {
    const { cluster } = this.#required();
    const stateDir = join(this.#stateDir, 'platform');
    const [port] = await freePorts(1);
    const options = { useLocal: false, kubeconfig: cluster.kubeconfig, port, gitServer: true, pollSeconds: 5, detach: false, dev: false, stateDir };
    const supervisor = startSupervisor(options, this.#tell);
    this.#resources.defer(async () => {
      supervisor.ask('stop');
      await supervisor.ended;
    });
    await supervisor.ready;
    const status = await runCommand(process.execPath, this.#statusCommand());
    this.#platform = status.stdout;
  }

  forEndToEnd(): NodeJS.ProcessEnv {
    if (this.#platform === undefined) throw new Error('the platform did not start');
    return { ...process.env, TEST_PLATFORM: this.#platform, TEST_PLATFORM_STATUS: JSON.stringify([process.execPath, ...this.#statusCommand()]) };
  }

  async stop(): Promise<void> {
    await this.#resources.disposeAsync();
  }

  #required() {
    if (!this.#servers) throw new Error('the servers did not start');
    return this.#servers;
  }

  #statusCommand(): string[] {
    return [join(checkoutRoot, 'tools/entry/status.mjs'), '--json', '--state-dir', join(this.#stateDir, 'platform')];
  }

  async #own<T extends { stop(): Promise<void> } | undefined>(starting: Promise<T>): Promise<T> {
    const started = await starting;
    if (started) this.#resources.defer(() => started.stop());
    return started;
  }
}
