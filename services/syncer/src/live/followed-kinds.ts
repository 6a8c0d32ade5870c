import type { Clock, Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { Discovery, KindInfo, KubeClient } from '@plumbline/kube';
import { limits } from '../limits.ts';
import type { ClusterState } from './cluster-state.ts';

export interface FollowedKindsOptions {
  kube: Pick<KubeClient, 'discover'>;
  log: Logger;
  state: Pick<ClusterState, 'follow'>;
  isExcluded(group: string, kind: string): boolean;
  clock: Clock;
  /** Other kinds are served, or in other versions, than before. */
  changed(): void;
}

/**
 * Keeps the watches of a cluster what discovery says: all kinds that can be listed and watched, in the version that the
 * server prefers, but those that are excluded. Asked again when a definition of kinds changes, and once in a while.
 */
export interface FollowedKinds {
  /**
   * A CustomResourceDefinition or APIService (its key) appeared, changed or went: what it defines is served a moment
   * later. Of one that appears or goes, or was quiet for a while, that moment is waited for with many looks; one that
   * changes again and again (two controllers that fight over it) is asked about every few seconds.
   */
  definitionChanged(key: string, isThere: { before: boolean; after: boolean }): void;
  /** Asks now. */
  refresh(): Promise<void>;
  /** Other kinds may be excluded than before. */
  exclusionsChanged(): void;
  stop(): void;
}

export function makeFollowedKinds(options: FollowedKindsOptions): FollowedKinds {
  const { kube, log, state, clock } = options;
  const changedAt = new Map<string, number>();
  let last: Discovery | undefined;
  let served = '';
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looksLeft = 0;
  let slowLooksLeft = 0;
  let isStopped = false;

  const follow = (discovery: Discovery): void => {
    last = discovery;
    if (isStopped) return;
    const kinds = followedKinds(discovery).filter(({ group, kind }) => !options.isExcluded(group, kind));
    state.follow(kinds, discovery.unavailableGroups);
    const text = textOf(kinds, discovery);
    if (text === served) return;
    const isFirst = served === '';
    served = text;
    // Of several definitions that came together another one may be served a moment later.
    looksLeft = Math.min(looksLeft, limits.definitionLooksAfterMax);
    if (!isFirst) options.changed();
  };

  const refresh = async (): Promise<void> => follow(await kube.discover({ refresh: true }));

  const look = async (): Promise<void> => {
    timer = undefined;
    lookedAt = clock();
    if (looksLeft > 0) looksLeft--;
    else if (slowLooksLeft > 0) slowLooksLeft--;
    try {
      await refresh();
    } catch (error) {
      log.warn('could not ask the API server which kinds it serves; it is asked again', { reason: AppError.from(error).message });
      slowLooksLeft = Math.max(slowLooksLeft, 1);
    }
    if (looksLeft > 0) lookWithin(limits.definitionLookMs);
    else lookWithin(slowLooksLeft > 0 ? limits.definitionSlowLookMs : limits.discoveryMs);
  };

  /** One look is due at a time, the earliest. */
  const lookWithin = (ms: number): void => {
    const at = clock() + ms;
    if (isStopped || (timer !== undefined && dueAt <= at)) return;
    if (timer !== undefined) clearTimeout(timer);
    dueAt = at;
    timer = setTimeout(() => void look(), ms).unref();
  };

  lookWithin(0);
  return {
    definitionChanged(key, { before, after }) {
      const now = clock();
      const wasQuiet = now - (changedAt.get(key) ?? Number.NEGATIVE_INFINITY) >= limits.discoveryMs;
      if (after) changedAt.set(key, now);
      else changedAt.delete(key);
      slowLooksLeft = limits.definitionSlowLooksMax;
      if (wasQuiet || before !== after) looksLeft = limits.definitionLooksMax;
      lookWithin(Math.max(limits.definitionLookMs, looksLeft > 0 ? 0 : lookedAt + limits.definitionSlowLookMs - now));
    },
    refresh,
    exclusionsChanged() {
      if (last !== undefined) follow(last);
    },
    stop() {
      isStopped = true;
      if (timer !== undefined) clearTimeout(timer);
    },
  };
}

/** One of each kind: the preferred version, if it can be listed and watched. */
function followedKinds(discovery: Discovery): KindInfo[] {
  const found = new Map<string, KindInfo>();
  for (const info of discovery.kinds) {
    const name = `${info.group}/${info.kind}`;
    if (!found.has(name) && info.verbs.includes('list') && info.verbs.includes('watch')) found.set(name, info);
  }
  return [...found.values()];
}

const textOf = (kinds: readonly KindInfo[], { unavailableGroups }: Discovery): string =>
  `${kinds
    .map(({ group, version, kind }) => `${group}/${version}/${kind}`)
    .sort()
    .join()} ${unavailableGroups.join()}`;
