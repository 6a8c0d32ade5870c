import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { makePostgresEventLog } from '@plumbline/event-log';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import { silentLogger } from '@plumbline/contracts';

import { rotateLog, tailOf } from './background.ts';
import { buildEngine, buildServices } from './build.ts';
import { installCrds } from '@plumbline/testing';
import { prepareControlCluster, readInitialPassword } from './control-cluster.ts';
import { ExitJournal } from './exit-journal.ts';
import { startDemoGitServer, startInfrastructure, type Infrastructure } from './infrastructure.ts';
import { limits } from './limits.ts';
import type { PlatformOptions } from './options.ts';
import { pathsOf, platformVersion } from './paths.ts';
import { chooseApiPort, freePorts } from './ports.ts';
import { identify, isAlive, signal } from './process-identity.ts';
import { NotReadyError, waitUntilReady, watchReadiness } from './readiness.ts';
import { SupervisedService, type ServiceCommand } from './service-process.ts';
import { developmentCommand, serviceCommands, serviceNames, urlOf, type ServiceName, type ServiceSettings } from './services.ts';
import { StateStore } from './state-store.ts';
import { readState, type PlatformState } from './state.ts';
import { describePlatform } from './summary.ts';
import { rememberTaken } from './taken-servers.ts';

export interface PlatformContext {
  tell: (line: string) => void;
  /** What is started registers here how it is stopped; undone in reverse order. */
  resources: AsyncDisposableStack;
  stopped: AbortSignal;
}

/** Starts everything and resolves with a summary for people once all services answer /readyz. */
export async function startPlatform(options: PlatformOptions, context: PlatformContext): Promise<string> {
  const startedAt = performance.now();
  // Others may pass, not look: as root, PostgreSQL runs as another user with its data in here.
  mkdirSync(options.stateDir, { recursive: true, mode: 0o711 });
  mkdirSync(pathsOf(options.stateDir).data, { recursive: true, mode: 0o700 });
  await endLeftovers(options.stateDir, context.tell);
  const store = new StateStore(options.stateDir, initialState());
  context.stopped.addEventListener('abort', () => store.update({ phase: 'stopping' }));

  const apiPort = await chooseApiPort(options.port, context.tell);
  const api = urlOf(apiPort);
  const [engine, infrastructure] = await Promise.all([buildEngine(context.tell), startInfrastructure(options, context), buildServices(context.tell)]);
  rememberTaken(options.stateDir, infrastructure);
  store.update(facts(infrastructure, api));

  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: infrastructure.kubeconfig, env: process.env }), log: silentLogger });
  context.resources.defer(() => kube.close());
  await installCrds(kube);
  const secrets = await prepareControlCluster(kube);
  if (options.gitServer) {
    store.update({ gitUrl: await startDemoGitServer(options.stateDir, { api, secret: secrets.webhookSecret }, context) });
  }

  const { ports, grpcPort } = await portsOf(apiPort);
  store.update({ grpc: urlOf(grpcPort) });
  const settings: ServiceSettings = {
    ...infrastructure,
    databaseUrl: infrastructure.postgres.url,
    natsUrl: infrastructure.nats.url,
    redisUrl: infrastructure.redis?.url,
    stateDir: options.stateDir,
    pollSeconds: options.pollSeconds,
    key: secrets.key,
    engine,
    ports,
    grpcPort,
    version: platformVersion(),
  };
  await startServices(options.dev ? [developmentCommand(settings)] : serviceCommands(settings), {
    ...context,
    store,
    databaseUrl: infrastructure.postgres.url,
    stateDir: options.stateDir,
  });
  store.update({ phase: 'ready', username: 'admin', password: (await readInitialPassword(kube, limits.initialPasswordMs)) ?? null });
  return describePlatform(store.current, performance.now() - startedAt, pathsOf(options.stateDir));
}

interface ServicesContext extends PlatformContext {
  store: StateStore;
  databaseUrl: string;
  stateDir: string;
}

async function startServices(commands: readonly ServiceCommand[], context: ServicesContext): Promise<void> {
  const { store, stopped, tell, resources } = context;
  // No announcement: consumers find what the supervisor writes by their poll each second.
  const log = makePostgresEventLog({ connection: context.databaseUrl, announce: () => undefined });
  resources.defer(() => log.close());
  const journal = new ExitJournal({ log, stopped, complain: tell });

  const services: SupervisedService[] = commands.map((command) => {
    rotateLog(command.logFile);
    return new SupervisedService(command, {
      changed: () => store.update({ services: services.map(({ record }) => record) }),
      exited: (exit) => {
        tell(`${exit.name} ended (${exit.signal ?? `exit code ${exit.code}`}); it starts again in ${exit.restartInMs} ms.`);
        journal.record(exit);
      },
    });
  });
  resources.defer(async () => {
    await Promise.all(services.map((service) => service.stop(limits.serviceStopMs)));
  });
  tell('Starting the services …');
  for (const service of services) service.start();
  void watchReadiness(services, stopped);
  try {
    await waitUntilReady(services, stopped);
  } catch (error) {
    if (!(error instanceof NotReadyError)) throw error;
    const logFile = pathsOf(context.stateDir).logOf(error.service);
    throw new Error(`${error.message} The end of ${logFile}:\n${tailOf(logFile)}`, { cause: error });
  }
}

/** Services of a supervisor that was killed. Servers that it had started are found by their own records when they start. */
async function endLeftovers(stateDir: string, tell: (line: string) => void): Promise<void> {
  const ended = (readState(stateDir)?.services ?? []).filter((service) => service.process && signal(service.process, 'SIGKILL'));
  if (ended.length > 0) tell(`Ended what an earlier supervisor had left behind: ${ended.map(({ name }) => name).join(', ')}.`);
  // Their ports are free once they are gone.
  while (ended.some((service) => service.process && isAlive(service.process))) await sleep(limits.readyPollMs);
}

async function portsOf(apiPort: number): Promise<{ ports: Record<ServiceName, number>; grpcPort: number }> {
  const others = serviceNames.filter((name) => name !== 'api');
  const [grpcPort = 0, ...free] = await freePorts(others.length + 1);
  return { ports: { ...(Object.fromEntries(others.map((name, index) => [name, free[index]])) as Record<ServiceName, number>), api: apiPort }, grpcPort };
}

function facts({ kubeconfig, postgres, nats, redis, prefix }: Infrastructure, api: string): Partial<PlatformState> {
  return { api, kubeconfig, postgres, nats, redis, prefix };
}

function initialState(): PlatformState {
  const supervisor = identify(process.pid);
  if (!supervisor) throw new Error('The system does not tell when this process started.');
  return {
    phase: 'starting',
    supervisor,
    startedAt: new Date().toISOString(),
    api: null,
    grpc: null,
    kubeconfig: null,
    gitUrl: null,
    username: null,
    password: null,
    postgres: null,
    nats: null,
    redis: null,
    prefix: null,
    services: [],
  };
}
