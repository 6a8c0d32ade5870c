import type { Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { Discovery, KindInfo, KubeClient } from '@plumbline/kube';
import { limits } from '../limits.ts';
import type { ClusterState } from './cluster-state.ts';

export interface FollowedKindsOptions {
  kube: Pick<KubeClient, 'discover'>;
  log: Logger;
  state: Pick<ClusterState, 'follow'>;
  isExcluded(group: string, kind: string): boolean;
  /** Other kinds are served, or in other versions, than before. */
  changed(): void;
}

/**
 * Keeps the watches of a cluster what discovery says: all kinds that can be listed and watched, in the version that the
 * server prefers, but those that are excluded. Asked again when a definition of kinds changes, and once in a while.
 */
export interface FollowedKinds {
  /** A CustomResourceDefinition or APIService changed: what it defines is served a moment later. */
  definitionChanged(): void;
  /** Asks now. */
  refresh(): Promise<void>;
  /** Other kinds may be excluded than before. */
  exclusionsChanged(): void;
  stop(): void;
}

export function makeFollowedKinds(options: FollowedKindsOptions): FollowedKinds {
  const { kube, log, state } = options;
  let last: Discovery | undefined;
  let served = '';
  let timer: NodeJS.Timeout | undefined;
  let looksLeft = 0;
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
    looksLeft = 0;
    if (!isFirst) options.changed();
  };

  const refresh = async (): Promise<void> => follow(await kube.discover({ refresh: true }));

  const look = async (): Promise<void> => {
    try {
      await refresh();
    } catch (error) {
      log.warn('could not ask the API server which kinds it serves; it is asked again', { reason: AppError.from(error).message });
      looksLeft = Math.max(looksLeft, 1);
    }
    if (looksLeft > 0) looksLeft--;
    wait(looksLeft > 0 ? limits.definitionLookMs : limits.discoveryMs);
  };

  const wait = (ms: number): void => {
    if (timer !== undefined) clearTimeout(timer);
    if (!isStopped) timer = setTimeout(() => void look(), ms).unref();
  };

  wait(0);
  return {
    definitionChanged() {
      if (looksLeft === 0) wait(limits.definitionLookMs);
      looksLeft = limits.definitionLooksMax;
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
