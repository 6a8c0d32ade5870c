import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { checkoutName, startControlPlane, startNats, startPostgres, startRedis, stopLeftovers, type ControlPlane, type Dependency } from '@plumbline/testing';

import { startSupervisor } from '../platform/background.ts';
import { checkoutRoot } from '../platform/paths.ts';
import { freePorts } from '../platform/ports.ts';
import { resetPlatform } from '../reset.ts';
import { runCommand } from './command.ts';

/**
 * What the tests of one run share: PostgreSQL, NATS, Redis and one control plane for the integration tests, and one
 * platform on the same control plane for the end-to-end tests. Kept below `.plumbline/test`; stopped with the run.
 */
export class TestEnvironment {
  readonly #stateDir: string;
  readonly #tell: (line: string) => void;
  readonly #resources = new AsyncDisposableStack();
  #servers: { postgres: Dependency; nats: Dependency; redis: Dependency | undefined; controlPlane: ControlPlane } | undefined;
  #platform: string | undefined;

  constructor(stateDir: string, tell: (line: string) => void) {
    this.#stateDir = stateDir;
    this.#tell = tell;
  }

  /** Where CI is true, servers that already run are used; each test file makes its own database, subjects and keys. */
  async startServers(): Promise<void> {
    const options = { stateDir: this.#stateDir, useLocal: process.env['CI'] === 'true', name: `${checkoutName()}-test`, progress: this.#tell };
    // Others may pass: as root, PostgreSQL runs as another user with its data in here.
    await mkdir(this.#stateDir, { recursive: true, mode: 0o711 });
    const cluster = join(this.#stateDir, 'control-plane');
    await stopLeftovers(cluster);
    await rm(cluster, { recursive: true, force: true });
    const [postgres, nats, redis, controlPlane] = await Promise.all([
      this.#own(startPostgres(options), (started) => started.drop()),
      this.#own(startNats(options), (started) => started.drop()),
      this.#own(startRedis(options), async (started) => started?.drop()),
      this.#own(startControlPlane({ stateDir: cluster, progress: this.#tell }), (started) => started.stop()),
    ]);
    this.#servers = { postgres, nats, redis, controlPlane };
  }

  forIntegration(): NodeJS.ProcessEnv {
    const { postgres, nats, redis, controlPlane } = this.#required();
    return {
      ...process.env,
      TEST_POSTGRES_URL: postgres.url,
      TEST_NATS_URL: nats.url,
      // Empty: there is none, and what would need it says so.
      TEST_REDIS_URL: redis?.url ?? '',
      TEST_KUBECONFIG: controlPlane.kubeconfig,
    };
  }

  async startPlatform(): Promise<void> {
    const { controlPlane } = this.#required();
    const stateDir = join(this.#stateDir, 'platform');
    await resetPlatform(stateDir, () => undefined);
    const [port] = await freePorts(1);
    const options = { useLocal: false, kubeconfig: controlPlane.kubeconfig, port, gitServer: true, pollSeconds: 5, detach: false, dev: false, stateDir };
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

  async #own<T>(starting: Promise<T>, end: (started: T) => Promise<void>): Promise<T> {
    const started = await starting;
    this.#resources.defer(() => end(started));
    return started;
  }
}
