import { setTimeout as wait } from 'node:timers/promises';
import { AppError, type Clock, type Logger } from '@plumbline/contracts';
import type { Http } from './http.ts';
import { keyOf, makeKnownObjects } from './known-objects.ts';
import type { KubeLimits, WatchLimits } from './limits.ts';
import { currentVersion, listPages, type ListQuery } from './list.ts';
import type { KindInfo, Watch, WatchOptions } from './port.ts';
import { collectionPath, withQuery } from './resource-path.ts';
import { describe, type Subject } from './server-error.ts';
import { openWatchStream, type WatchEvent } from './watch-stream.ts';

export interface WatchDependencies {
  http: Http;
  limits: KubeLimits;
  clock: Clock;
  random: () => number;
  log: Logger;
  /** Throws `unknown-kind`. */
  resolveKind(group: string, version: string, kind: string): Promise<KindInfo>;
}

/**
 * List, then watch from the list's version, for as long as nobody stops it:
 * a watch that ends resumes from the last version it heard; 410 lists again, this kind only; what a *complete* list does
 * not contain is gone, nothing else is; failures wait with back-off and jitter.
 */
export function startWatch(options: WatchOptions, dependencies: WatchDependencies): Watch {
  const { listener } = options;
  const { http, clock, log } = dependencies;
  const subject = subjectOf(options);
  const stopped = new AbortController();
  let hasSynced = false;
  /** Code of the failure that was told. */
  let interruptedBy: AppError['code'] | undefined;

  const isCurrent = (): void => {
    hasSynced = true;
    interruptedBy = undefined;
    listener.synced?.();
  };
  const follower = makeFollower(options, dependencies, {
    signal: stopped.signal,
    onListed: isCurrent,
    onResumed: () => {
      if (interruptedBy !== undefined) isCurrent();
    },
  });

  const fail = (error: AppError): void => {
    if (error.code === 'unauthenticated') http.forgetCredentials();
    if (error.code === 'gone' || error.code === 'internal') follower.startOver();
    // Listing again is a matter of milliseconds; only when that fails too is there something to tell.
    if (interruptedBy === error.code || error.code === 'gone') return;
    interruptedBy = error.code;
    log.warn('a watch was interrupted', { ...subject, code: error.code, reason: error.message });
    listener.interrupted?.(error);
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopped.signal.aborted) {
      const began = clock();
      const error = await failureOf(follower.turn);
      if (stopped.signal.aborted) return;
      const wasGood = clock() - began >= dependencies.limits.watch.goodAfterMs;
      failures = wasGood ? Number(error !== undefined) : failures + 1;
      if (error !== undefined) fail(error);
      // A server that ends every watch at once, in good order, is waited for too: this must never become a hot loop.
      if (failures === 0 || (failures === 1 && error?.code === 'gone')) continue;
      await wait(delayAfter(error, failures, dependencies), undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };

  const running = run();
  return {
    hasSynced: () => hasSynced,
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

interface Follower {
  /** One list if it needs one, and one watch to its end. */
  turn(): Promise<void>;
  /** The next turn begins with a list. */
  startOver(): void;
}

function makeFollower(options: WatchOptions, dependencies: WatchDependencies, told: { signal: AbortSignal; onListed(): void; onResumed(): void }): Follower {
  const { http, limits, random } = dependencies;
  const { signal } = told;
  const subject = subjectOf(options);
  const known = makeKnownObjects(options.listener);
  let resourceVersion: string | undefined;

  const list = async (of: ListQuery): Promise<void> => {
    const listed = new Set<string>();
    const version = await listPages(http, of, limits, (items) => {
      for (const item of items) {
        if (signal.aborted) return;
        listed.add(keyOf(item));
        known.upsert(item);
      }
    });
    if (signal.aborted) return;
    known.removeAllBut(listed);
    resourceVersion = version;
    told.onListed();
  };

  const hear = ({ type, object }: WatchEvent): void => {
    const version = object.metadata.resourceVersion;
    if (isBefore(version, resourceVersion)) throw versionsWentBack(subject);
    if (type === 'DELETED') known.remove(object);
    else if (type !== 'BOOKMARK') known.upsert(object);
    resourceVersion = version ?? resourceVersion;
  };

  const follow = async ({ info, namespace, labelSelector }: ListQuery): Promise<void> => {
    const { secondsMin, secondsMax } = limits.watch;
    const path = withQuery(collectionPath(info, namespace), {
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(Math.round(secondsMin + random() * (secondsMax - secondsMin))),
      resourceVersion,
      labelSelector,
    });
    await openWatchStream(http, path, { subject, limits, signal, onOpen: told.onResumed, onEvent: hear });
  };

  return {
    async turn() {
      const { group, version, kind, namespace, labelSelector } = options;
      const info = await dependencies.resolveKind(group, version, kind);
      const of = { info, ...(namespace === undefined ? {} : { namespace }), ...(labelSelector === undefined ? {} : { labelSelector }) };
      if (resourceVersion === undefined) await list(of);
      // A watch from the future hears nothing and reports nothing: after a restore of etcd it would be deaf for days.
      else if (isBefore(await currentVersion(http, of), resourceVersion)) throw versionsWentBack(subject);
      if (!signal.aborted) await follow(of);
    },
    startOver: () => void (resourceVersion = undefined),
  };
}

function subjectOf({ group, kind, namespace }: WatchOptions): Subject {
  return { group, kind, ...(namespace === undefined ? {} : { namespace }) };
}

/** The kind is gone or forbidden: people change that, not time. */
const refusals: readonly string[] = ['permission-denied', 'unknown-kind', 'not-found', 'unsupported'];

function delayAfter(error: AppError | undefined, failures: number, { limits, random }: { limits: { watch: WatchLimits }; random: () => number }): number {
  const { backoffMs, backoffMaxMs, refusedBackoffMs } = limits.watch;
  const longest = error !== undefined && refusals.includes(error.code) ? refusedBackoffMs : Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(failures - 1, 20));
  return longest * (0.5 + random() / 2);
}

async function failureOf(work: () => Promise<void>): Promise<AppError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return AppError.from(error);
  }
}

const versionsWentBack = (subject: Subject): AppError =>
  new AppError('gone', `${describe(subject)}: the API server's versions are older than what was heard before: it was restored from a copy`, { retry: 'later' });

/** Versions of one kind are ordered numbers (KEP-5504); servers that use something else are not compared. */
function isBefore(version: string | undefined, last: string | undefined): boolean {
  if (version === undefined || last === undefined || !/^\d+$/.test(version) || !/^\d+$/.test(last)) return false;
  return BigInt(version) < BigInt(last);
}
