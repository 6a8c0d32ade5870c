import { parseArgs } from 'node:util';

import { stateDirOf } from './platform/options.ts';
import { residentBytes } from './platform/process-identity.ts';
import { readRunningState, type PlatformState } from './platform/state.ts';

/** The answer of `npm run -s status -- --json`. Read from the state file and the system; nothing is asked over the network. */
interface Status {
  api: string | null;
  grpc: string | null;
  kubeconfig: string | null;
  /** Base of the demo Git server: pushing to any new name below it creates the repository. */
  gitUrl: string | null;
  username: string | null;
  password: string | null;
  postgres: string | null;
  nats: string | null;
  redis: string | null;
  /** What NATS subjects and Redis keys begin with. */
  prefix: string | null;
  /** Each with where it answers /readyz and /metrics. */
  services: { name: string; url: string | null; pid: number | null; rssBytes: number | null; state: string }[];
}

/** Exit code when it is not started, or not ready yet. */
const notStarted = 3;

const { values } = parseArgs({ options: { json: { type: 'boolean' }, 'state-dir': { type: 'string' } } });
const state = readRunningState(stateDirOf(values['state-dir']));
console.log(values.json ? JSON.stringify(statusOf(state), null, 2) : describe(state));
process.exitCode = state?.phase === 'ready' ? 0 : notStarted;

function statusOf(current: PlatformState | undefined): Status {
  return {
    api: current?.api ?? null,
    grpc: current?.grpc ?? null,
    kubeconfig: current?.kubeconfig ?? null,
    gitUrl: current?.gitUrl ?? null,
    username: current?.username ?? null,
    password: current?.password ?? null,
    postgres: current?.postgres?.url ?? null,
    nats: current?.nats?.url ?? null,
    redis: current?.redis?.url ?? null,
    prefix: current?.prefix ?? null,
    services: (current?.services ?? []).map(({ name, urls, process, state: serviceState }) => ({
      name,
      url: urls[0] ?? null,
      pid: process?.pid ?? null,
      rssBytes: process ? (residentBytes(process.pid) ?? null) : null,
      state: serviceState,
    })),
  };
}

function describe(current: PlatformState | undefined): string {
  if (!current) return 'Plumbline is not running here. `npm start` starts it.';
  const rows: [string, string][] = [
    ['api', current.api ?? '-'],
    ['grpc', current.grpc ?? '-'],
    ['user', `${current.username ?? '-'} / ${current.password ?? '-'}`],
    ['kubeconfig', current.kubeconfig ?? '-'],
    ['git', current.gitUrl ?? '-'],
    ['postgres', current.postgres?.description ?? '-'],
    ['nats', current.nats?.description ?? '-'],
    ['redis', current.redis?.description ?? '-'],
  ];
  const services = current.services.map(({ name, process, state: serviceState, restarts }) => {
    const memory = process ? `${Math.round((residentBytes(process.pid) ?? 0) / 1024 ** 2)} MB` : '-';
    return `  ${name.padEnd(14)} ${serviceState.padEnd(11)} ${String(process?.pid ?? '-').padStart(8)} ${memory.padStart(8)}   ${restarts} restarts`;
  });
  return [`Plumbline: ${current.phase}, since ${current.startedAt}`, ...rows.map(([key, value]) => `  ${key.padEnd(11)} ${value}`), ...services].join('\n');
}
