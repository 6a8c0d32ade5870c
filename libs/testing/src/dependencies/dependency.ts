import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { AppError } from '@plumbline/contracts';
import { repositoryRoot } from '../repository-root.ts';

/** Which rung of the ladder a service was found on. */
export type Origin = 'given' | 'local' | 'binary' | 'docker' | 'embedded';

/** A PostgreSQL, NATS or Redis that answers. */
export interface Dependency {
  /** With credentials, where there are some. */
  url: string;
  origin: Origin;
  /** For people: "PostgreSQL 15.20 of /usr/lib/postgresql/15/bin". Never a secret. */
  description: string;
  /** Of the process that was started for us, where there is one on this machine. */
  pid?: number;
  /** Ends what was started; data stays. What was found running goes on. */
  stop(): Promise<void>;
  /** Removes what is ours: data of a private one, our database, keys or streams in a shared one. Stops first. */
  drop(): Promise<void>;
}

export interface DependencyOptions {
  /** Parent of `postgres/`, `nats/` and `redis/`. */
  stateDir: string;
  /** Address to use instead of looking for one. Default: `PLUMBLINE_POSTGRES`, `PLUMBLINE_NATS`, `PLUMBLINE_REDIS` of `env`. */
  given?: string;
  /** Use a service that already answers on its default port: it is somebody's own. Default false. */
  useLocal?: boolean;
  /** Of our database, subjects and keys: `PLUMBLINE_PREFIX`. Default: `checkoutName()`. */
  name?: string;
  /** Rungs to try. Default: all, in their order. */
  origins?: readonly Origin[];
  env?: NodeJS.ProcessEnv;
  progress?: (line: string) => void;
}

export interface Rung {
  origin: Origin;
  /** The dependency, or in a few words why it isn't to be had here. */
  take(): Promise<Dependency | string>;
}

/** Takes the first rung that holds. Undefined, or the reasons as an error, when none does. */
export async function climb(what: string, rungs: readonly Rung[], options: DependencyOptions): Promise<{ taken: Dependency } | { reasons: string }> {
  const reasons: string[] = [];
  for (const { origin, take } of rungs) {
    if (options.origins !== undefined && !options.origins.includes(origin)) continue;
    const answer = await take();
    if (typeof answer !== 'string') {
      options.progress?.(`${what}: ${answer.description}`);
      return { taken: answer };
    }
    reasons.push(answer);
  }
  return { reasons: reasons.join('; ') };
}

export const noneFound = (what: string, variable: string, reasons: string): AppError =>
  new AppError('failed-precondition', `No ${what} is to be had: ${reasons}. Give the address of one in ${variable}.`);

/** `plumbline-` and eight digits that are the same for the same checkout: what is ours in a service that others use too. */
export function checkoutName(path: string = repositoryRoot): string {
  return `plumbline-${createHash('sha256').update(realpathSync(path)).digest('hex').slice(0, 8)}`;
}

/** A URL for people: without user and password. */
export function withoutCredentials(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.href;
}

export const nothing = (): Promise<void> => Promise.resolve();
