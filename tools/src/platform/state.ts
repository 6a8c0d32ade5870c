import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import type { Origin } from '@plumbline/testing';

import { pathsOf } from './paths.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

export type ServiceState = 'starting' | 'running' | 'restarting' | 'stopped';

export interface ServiceRecord {
  name: string;
  instance: string;
  /** Where it answers /readyz and /metrics; several when several services are in one process. */
  urls: readonly string[];
  /** Null while it is restarting. */
  process: ProcessIdentity | null;
  state: ServiceState;
  restarts: number;
}

/** A server that the platform uses. */
export interface DependencyRecord {
  url: string;
  origin: Origin;
  /** For people: what was taken from where. */
  description: string;
}

/**
 * What `state.json` holds: enough to show, stop and clean up a platform without asking it. It contains the initial
 * password of the demo, hence mode 0600.
 */
export interface PlatformState {
  phase: 'starting' | 'ready' | 'stopping';
  supervisor: ProcessIdentity;
  startedAt: string;
  api: string | null;
  /** Where gRPC clients connect: HTTP/2 without TLS. */
  grpc: string | null;
  kubeconfig: string | null;
  gitUrl: string | null;
  username: string | null;
  password: string | null;
  postgres: DependencyRecord | null;
  nats: DependencyRecord | null;
  /** What NATS subjects and Redis keys begin with. */
  prefix: string | null;
  /** Null: BullMQ runs on PostgreSQL. */
  redis: DependencyRecord | null;
  services: ServiceRecord[];
}

export function readState(stateDir: string): PlatformState | undefined {
  try {
    return JSON.parse(readFileSync(pathsOf(stateDir).stateFile, 'utf8')) as PlatformState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written beside and renamed: a reader sees the old state or the new one. */
export function writeState(stateDir: string, state: PlatformState): void {
  const { stateFile } = pathsOf(stateDir);
  mkdirSync(dirname(stateFile), { recursive: true });
  const draft = `${stateFile}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, stateFile);
}

/** The state of the platform that runs now, or undefined: a file that a dead supervisor left behind says nothing. */
export function readRunningState(stateDir: string): PlatformState | undefined {
  const state = readState(stateDir);
  return state && isAlive(state.supervisor) ? state : undefined;
}
