import type { BlobStore } from '@plumbline/blobs';
import { AppError, blobScope, type Logger, type Metrics } from '@plumbline/contracts';
import { isObjectId, repositoryId, withoutUserInfo, type Mirror, type RemoteRefs } from '@plumbline/git';
import type { ObservedRevision, RefState, UnresolvedRef } from '../domain/repository.ts';
import { resolveRef, type Resolution } from '../domain/resolve-ref.ts';
import { limits } from '../limits.ts';
import type { WantedRow } from '../tables/entities.ts';
import type { RepositoryStreams } from '../tables/repository-streams.ts';
import type { WantedRefsTable } from '../tables/wanted-refs-table.ts';
import { Coalescer } from './coalescer.ts';
import type { Mirrors } from './mirrors.ts';
import { fetchTargets, isDamage, isTooLarge, isUnreachable, relevantMoves, resolveAll } from './remote-view.ts';
import { Semaphore } from './semaphore.ts';
import { storeTree } from './store-tree.ts';

/** Why to look. `movedRef`: full name of the one ref that is said to have moved; absent = look at everything. */
export interface Occasion {
  movedRef?: string;
}

export interface ObserverParts {
  wanted: WantedRefsTable;
  streams: RepositoryStreams;
  mirrors: Mirrors;
  blobs: BlobStore;
  log: Logger;
  metrics: Metrics;
  /** Resolves when `wanted` shows everything that is in the log now; rejects when that takes too long. */
  wantedIsComplete(): Promise<void>;
}

/**
 * Brings a repository's stream and stored objects in line with what applications want and what the remote says. It may be
 * asked at any time and any number of times: it re-reads the world, and only what changed becomes an event.
 */
export class Observer {
  readonly #parts: ObserverParts;
  readonly #runs: Coalescer<Occasion>;
  readonly #places = new Semaphore(limits.observationsAtOnce);
  /** A remote that hangs, or is cloned for the first time, must not take the places of those that answer. */
  readonly #slowPlaces = new Semaphore(limits.slowObservationsAtOnce);
  /** What each remote last said, so that one moved ref can be judged without listing all of them again. */
  readonly #lastSeen = new Map<string, RemoteRefs>();

  constructor(parts: ObserverParts) {
    this.#parts = parts;
    this.#runs = new Coalescer(async (repository, occasions) => {
      const state = await parts.streams.state(repository);
      const isProven = state.status === 'reachable' && anyTree(state) !== undefined;
      await (isProven ? this.#places : this.#slowPlaces).run(() => this.#observe(repository, occasions));
    });
  }

  /** Rejects only when Plumbline's own parts fail; what is wrong with the remote becomes an event. */
  observe(repository: string, occasion: Occasion = {}): Promise<void> {
    return this.#runs.ask(repository, occasion);
  }

  /**
   * Makes the objects of a ref or commit available now.
   *
   * @throws AppError `revision-not-found`, `repository-unreachable`, `failed-precondition` (no application names it)
   */
  async ensure(url: string, ref: string): Promise<{ repository: string; commit: string; tree: string }> {
    const repository = repositoryId(url);
    const [row] = await this.#parts.wanted.of(repository);
    if (row === undefined)
      throw new AppError('failed-precondition', `no application names the repository ${withoutUserInfo(url)} yet; declare one first`, { retry: 'later' });
    return this.#places.run(async () => {
      const mirror = await this.#parts.mirrors.open(repository, row.url);
      const target = isObjectId(ref) ? { commit: ref } : resolveRef(await mirror.lsRemote(), ref);
      const commit = await this.#bring(mirror, target);
      const { tree } = await mirror.commit(commit);
      const isStored = (await this.#parts.blobs.missing(blobScope.git(repository), [tree])).length === 0;
      if (!isStored) await this.#store(repository, mirror, tree, undefined);
      return { repository, commit, tree };
    });
  }

  idle(): Promise<void> {
    return this.#runs.idle();
  }

  async #observe(repository: string, occasions: readonly Occasion[]): Promise<void> {
    const { wanted, streams, mirrors, log, metrics } = this.#parts;
    const rows = await wanted.of(repository);
    const [first] = rows;
    if (first === undefined) return this.#forget(repository);
    await streams.handle({ type: 'Register', repository, url: first.url });
    const startedAt = performance.now();
    const result = await this.#look(repository, first.url, { rows, occasions }).catch((error: unknown) => AppError.from(error));
    if (!(result instanceof Error)) {
      if (result !== undefined) await streams.handle({ type: 'Observe', repository, findings: result });
      metrics.observeMs('repository_observation_ms', performance.now() - startedAt, { outcome: result === undefined ? 'irrelevant' : 'observed' });
      return;
    }
    metrics.observeMs('repository_observation_ms', performance.now() - startedAt, { outcome: result.code });
    this.#lastSeen.delete(repository);
    if (isDamage(result)) {
      // A mirror is only a cache: the next look starts with a new one.
      log.warn('mirror damaged; it will be made again', { repository, reason: result.message });
      await mirrors.remove(repository);
    }
    if (!isUnreachable(result)) throw result;
    log.info('repository unreachable', { repository, reason: result.message });
    await streams.handle({ type: 'ReportUnreachable', repository, message: result.message.slice(0, limits.messageCharsMax) });
  }

  /** What changed since the last look; undefined = what is said to have moved concerns nobody. */
  async #look(
    repository: string,
    url: string,
    { rows, occasions }: { rows: readonly WantedRow[]; occasions: readonly Occasion[] },
  ): Promise<(ObservedRevision | UnresolvedRef)[] | undefined> {
    const refused = refusals(rows);
    const typed = [...new Set(rows.map((row) => row.ref))].filter((ref) => !refused.has(ref));
    const findings: (ObservedRevision | UnresolvedRef)[] = [...refused].map(([ref, unresolved]) => ({ ref, unresolved }));
    if (typed.length === 0) return findings;
    let mirror: Mirror;
    try {
      mirror = await this.#parts.mirrors.open(repository, url);
    } catch (error) {
      if (!AppError.is(error) || error.code !== 'invalid-argument') throw error;
      return [...findings, ...typed.map((ref) => ({ ref, unresolved: error.message }))];
    }
    const remote = await this.#remoteRefs(repository, mirror, occasions, typed);
    if (remote === undefined) return undefined;
    return [...findings, ...(await this.#findChanges(repository, mirror, resolveAll(remote, typed)))];
  }

  /**
   * The remote's refs. When all that is known is that certain refs moved, only those are fetched: the fetch itself says
   * where they point now, which saves listing the remote.
   */
  async #remoteRefs(repository: string, mirror: Mirror, occasions: readonly Occasion[], typed: readonly string[]): Promise<RemoteRefs | undefined> {
    const known = this.#lastSeen.get(repository);
    const moved = [...new Set(occasions.flatMap((occasion) => occasion.movedRef ?? []))];
    if (known !== undefined && occasions.every((occasion) => occasion.movedRef !== undefined) && (await this.#isCaughtUp(repository, typed))) {
      const relevant = relevantMoves(known, moved, typed);
      if (relevant.length === 0) return undefined;
      const fetched = await fetchTargets(mirror, relevant);
      if (![...fetched.values()].some((commit) => AppError.is(commit))) {
        for (const [name, commit] of fetched) known.refs.set(name, commit as string);
        return known;
      }
    }
    const remote = await mirror.lsRemote();
    if (remote.refs.size <= limits.refsRememberedMax) this.#lastSeen.set(repository, remote);
    else this.#lastSeen.delete(repository);
    return remote;
  }

  /** Every wanted ref was looked at before, and the remote answered last time. */
  async #isCaughtUp(repository: string, typed: readonly string[]): Promise<boolean> {
    const state = await this.#parts.streams.state(repository);
    return state.status === 'reachable' && typed.every((ref) => Object.hasOwn(state.refs, ref));
  }

  async #findChanges(repository: string, mirror: Mirror, resolved: ReadonlyMap<string, Resolution | AppError>): Promise<(ObservedRevision | UnresolvedRef)[]> {
    const state = await this.#parts.streams.state(repository);
    const before = (ref: string): RefState | undefined => (state.status !== 'unknown' && Object.hasOwn(state.refs, ref) ? state.refs[ref] : undefined);
    const findings: (ObservedRevision | UnresolvedRef)[] = [];
    const changed = new Map<string, Resolution>();
    for (const [ref, resolution] of resolved) {
      const known = before(ref);
      if (AppError.is(resolution)) findings.push({ ref, unresolved: resolution.message });
      else if (known === undefined || !('commit' in known) || known.commit !== resolution.commit) changed.set(ref, resolution);
    }
    const commits = await this.#bringAll(mirror, [...changed.values()]);
    for (const [ref, resolution] of changed) {
      const commit = commits.get(targetOf(resolution)) ?? resolution.commit;
      if (AppError.is(commit)) findings.push({ ref, unresolved: commit.message });
      else findings.push(await this.#observed(repository, mirror, ref, commit, treeOf(before(ref)) ?? anyTree(state)));
    }
    return findings;
  }

  async #observed(repository: string, mirror: Mirror, ref: string, id: string, base: string | undefined): Promise<ObservedRevision | UnresolvedRef> {
    const { tree, author, date, message } = await mirror.commit(id);
    try {
      await this.#store(repository, mirror, tree, base);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      return { ref, unresolved: error.message };
    }
    return { ref, commit: id, tree, author: author.slice(0, limits.subjectCharsMax), date, message: message.slice(0, limits.subjectCharsMax) };
  }

  async #store(repository: string, mirror: Mirror, tree: string, base: string | undefined): Promise<void> {
    const objects = await storeTree({ mirror, blobs: this.#parts.blobs, scope: blobScope.git(repository), tree, base });
    this.#parts.metrics.count('git_objects_stored_total', {}, objects);
  }

  async #bringAll(mirror: Mirror, resolutions: readonly Resolution[]): Promise<Map<string, string | AppError>> {
    const here = new Map<string, string>();
    for (const resolution of resolutions) if (await mirror.has(resolution.commit)) here.set(targetOf(resolution), resolution.commit);
    const absent = [...new Set(resolutions.map(targetOf))].filter((target) => !here.has(target));
    return new Map([...here, ...(await fetchTargets(mirror, absent))]);
  }

  async #bring(mirror: Mirror, resolution: Resolution): Promise<string> {
    const [commit = resolution.commit] = (await this.#bringAll(mirror, [resolution])).values();
    if (commit instanceof Error) throw commit;
    return commit;
  }

  /** The fact first: a stream that says "observed" while its objects are gone would be a lie. */
  async #forget(repository: string): Promise<void> {
    await this.#parts.wantedIsComplete();
    if ((await this.#parts.wanted.of(repository)).length > 0) return;
    await this.#parts.streams.handle({ type: 'Forget', repository });
    this.#lastSeen.delete(repository);
    await this.#parts.blobs.dropScope(blobScope.git(repository));
    await this.#parts.mirrors.remove(repository);
  }
}

const targetOf = (resolution: Resolution): string => resolution.name ?? resolution.commit;
const treeOf = (known: RefState | undefined): string | undefined => (known !== undefined && 'tree' in known ? known.tree : undefined);

/** Some tree of the repository that is stored: two branches of one repository have most in common. */
function anyTree(state: Awaited<ReturnType<RepositoryStreams['state']>>): string | undefined {
  return state.status === 'unknown'
    ? undefined
    : Object.values(state.refs)
        .map(treeOf)
        .findLast((tree) => tree !== undefined);
}

/** Refs that are not looked at, and why. */
function refusals(rows: readonly WantedRow[]): Map<string, string> {
  const refused = new Map<string, string>();
  for (const row of rows)
    if (row.chart !== '') refused.set(row.ref, `chart ${row.chart}: chart repositories are not supported yet; put the chart into a Git repository`);
  for (const row of rows) if (row.chart === '') refused.delete(row.ref);
  const refs = [...new Set(rows.filter((row) => row.chart === '').map((row) => row.ref))];
  for (const ref of refs.slice(limits.refsWantedMax))
    refused.set(ref, `more than ${limits.refsWantedMax} refs of this repository are followed; this one is not`);
  return refused;
}
