import { setTimeout as wait } from 'node:timers/promises';
import { AppError, type Clock, type Logger } from '@plumbline/contracts';
import type { Http } from './http.ts';
import { keyOf, makeKnownObjects, type KnownObjects } from './known-objects.ts';
import type { KubeLimits } from './limits.ts';
import { currentVersion, listPages, type ListQuery } from './list.ts';
import type { KindInfo, Watch, WatchOptions } from './port.ts';
import { collectionPath, withQuery } from './resource-path.ts';
import { describe, type Subject } from './server-error.ts';
import { openWatchStream } from './watch-stream.ts';

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
  const { http, limits, clock, random, log } = dependencies;
  const { listener, group, version, kind, namespace, labelSelector } = options;
  const stopped = new AbortController();
  const known = makeKnownObjects(listener);
  const subject: Subject = { group, kind, ...(namespace === undefined ? {} : { namespace }) };
  let resourceVersion: string | undefined;
  let hasSynced = false;
  let isInterrupted = false;

  const query = async (): Promise<ListQuery> => ({
    info: await dependencies.resolveKind(group, version, kind),
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
  });

  const isCurrent = (): void => {
    hasSynced = true;
    isInterrupted = false;
    listener.synced?.();
  };

  const relist = async (of: ListQuery): Promise<void> => {
    resourceVersion = await listInto(known, http, of, { limits, isStopped: () => stopped.signal.aborted });
    if (!stopped.signal.aborted) isCurrent();
  };

  const follow = async (of: ListQuery): Promise<void> => {
    const seconds = Math.round(limits.watch.secondsMin + random() * (limits.watch.secondsMax - limits.watch.secondsMin));
    const path = withQuery(collectionPath(of.info, namespace), {
      watch: '1',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(seconds),
      resourceVersion,
      labelSelector,
    });
    await openWatchStream(http, path, {
      subject,
      limits,
      signal: stopped.signal,
      onOpen: () => {
        if (isInterrupted) isCurrent();
      },
      onEvent: (event) => {
        const heard = event.object.metadata.resourceVersion;
        if (isBefore(heard, resourceVersion)) throw versionsWentBack(subject);
        if (event.type === 'DELETED') known.remove(event.object);
        else if (event.type !== 'BOOKMARK') known.upsert(event.object);
        resourceVersion = heard ?? resourceVersion;
      },
    });
  };

  /** One list if needed, and one watch to its end. */
  const turn = async (): Promise<void> => {
    const of = await query();
    if (resourceVersion === undefined) await relist(of);
    // A watch from the future hears nothing and reports nothing: after a restore of etcd it would be deaf for days.
    else if (isBefore(await currentVersion(http, of), resourceVersion)) throw versionsWentBack(subject);
    if (!stopped.signal.aborted) await follow(of);
  };

  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopped.signal.aborted) {
      const began = clock();
      const error = await failureOf(turn);
      if (stopped.signal.aborted) return;
      const wasGood = clock() - began >= limits.watch.goodAfterMs;
      if (error === undefined && wasGood) {
        failures = 0;
        continue;
      }
      failures = wasGood ? 1 : failures + 1;
      if (error !== undefined) {
        if (error.code === 'unauthenticated') http.forgetCredentials();
        const mustRelist = error.code === 'gone' || error.code === 'internal';
        if (mustRelist) resourceVersion = undefined;
        if (!isInterrupted && error.code !== 'gone') {
          isInterrupted = true;
          log.warn('a watch was interrupted', { ...subject, code: error.code, reason: error.message });
          listener.interrupted?.(error);
        }
        if (error.code === 'gone' && failures === 1) continue;
      }
      await wait(delayAfter(error, failures), undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  };

  const delayAfter = (error: AppError | undefined, failures: number): number => {
    const { backoffMs, backoffMaxMs, refusedBackoffMs } = limits.watch;
    const isRefused = error !== undefined && ['permission-denied', 'unknown-kind', 'not-found', 'unsupported'].includes(error.code);
    const longest = isRefused ? refusedBackoffMs : Math.min(backoffMaxMs, backoffMs * 2 ** Math.min(failures - 1, 20));
    return longest * (0.5 + random() / 2);
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

async function listInto(
  known: KnownObjects,
  http: Http,
  of: ListQuery,
  { limits, isStopped }: { limits: KubeLimits; isStopped: () => boolean },
): Promise<string> {
  const listed = new Set<string>();
  const resourceVersion = await listPages(http, of, limits, (items) => {
    for (const item of items) {
      if (isStopped()) return;
      listed.add(keyOf(item));
      known.upsert(item);
    }
  });
  if (!isStopped()) known.removeAllBut(listed);
  return resourceVersion;
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
