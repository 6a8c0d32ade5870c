import { AppError, type Clock, type EventMetadata, type RecordedEvent, type Upcast } from '@plumbline/contracts';
import { announcementOf, type Announce, type Appended } from '../announce.ts';
import type { AuditedLog } from '../audit/audited-log.ts';
import { chainHash, genesisHash, type ChainLink } from '../chain.ts';
import { feedPageEventsMax } from '../limits.ts';
import type { EventLog, Leases } from '../port.ts';
import { checkFeedQuery, checkTime, conflictError, goneBefore, prepareAppend, streamGoneBefore, type PreparedAppend } from '../prepare.ts';
import type { MemoryDatabase, MemoryTx } from './memory-database.ts';
import { makeMemoryLeases } from './memory-leases.ts';

export interface MemoryEventLogOptions {
  database: MemoryDatabase;
  announce: Announce;
  clock: Clock;
  /** A new id at each call; names the generations. */
  newId: () => string;
  /** See PostgresEventLogOptions. */
  upcast?: Upcast;
}

export interface MemoryEventLog extends EventLog<MemoryTx>, AuditedLog {
  readonly leases: Leases;
  /** As after a recovery from an older copy: what came later is gone, and a new generation begins. */
  recoverTo(position: number): void;
  /** As when the partitions before this position were exported and dropped. */
  dropBefore(position: number): void;
  /** What no real log allows: for proving that the chain notices. */
  tamper(position: number, data: string): void;
}

/** Who may append now: one transaction at a time, from its first append until it ends. */
interface Writer {
  staged: ChainLink[];
}

/** The committed events, and those of each stream. */
class Links {
  all: ChainLink[] = [];
  /** What comes before was dropped: it counts for versions and the chain, and is not to be had. */
  oldest = 1;
  #streams = new Map<string, ChainLink[]>();

  of(stream: string): readonly ChainLink[] {
    return this.#streams.get(stream) ?? [];
  }

  after(position: number, limit: number): ChainLink[] {
    const start = Math.max(position, this.oldest - 1);
    return this.all.slice(start, start + limit);
  }

  ofAfter(stream: string, version: number): readonly ChainLink[] {
    const history = this.of(stream);
    const kept = history.filter((link) => link.position >= this.oldest);
    const first = history.length - kept.length + 1;
    if (first > version + 1 && history.length > version) throw streamGoneBefore(stream, version, first);
    return kept.slice(version - first + 1);
  }

  add(link: ChainLink): void {
    this.all.push(link);
    const stream = this.#streams.get(link.stream);
    if (stream === undefined) this.#streams.set(link.stream, [link]);
    else stream.push(link);
  }

  /** Times never go backwards, and are whole milliseconds here. */
  positionAt(ms: number): number {
    return this.all.findLastIndex((link) => Date.parse(link.at) <= ms) + 1;
  }

  keepUpTo(position: number): void {
    const kept = this.all.slice(0, position);
    this.all = [];
    this.#streams = new Map();
    for (const link of kept) this.add(link);
  }
}

/** The twin of the log in PostgreSQL, with the same chain, texts, transactions and refusals; nothing outlives the process. */
export function makeMemoryEventLog({ database, announce, clock, newId, upcast = (recorded) => recorded }: MemoryEventLogOptions): MemoryEventLog {
  const recordedEvent = (link: ChainLink): RecordedEvent => upcast(eventOf(link));
  let generation = newId();
  const generations = [{ id: generation, beganAfter: 0 }];
  const links = new Links();
  const writers = new WeakMap<MemoryTx, Writer>();
  const { leases, checkFence, endAll } = makeMemoryLeases(clock, (work) => database.transaction(async (tx) => (await becomeWriter(tx), work())));
  let turn: Promise<void> = Promise.resolve();

  /** Waits for the writer before, as PostgreSQL does on the head row. */
  async function becomeWriter(tx: MemoryTx): Promise<Writer> {
    const before = turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    turn = promise;
    const writer: Writer = { staged: [] };
    writers.set(tx, writer);
    database.after(tx, (outcome) => {
      writers.delete(tx);
      if (outcome === 'committed') publish(writer.staged);
      resolve();
    });
    await before;
    return writer;
  }

  function publish(staged: readonly ChainLink[]): void {
    const appended: Appended = { generation, events: staged.map(recordedEvent), sizeBytes: 0 };
    for (const link of staged) {
      links.add(link);
      appended.sizeBytes += Buffer.byteLength(link.data) + Buffer.byteLength(link.metadata);
    }
    const announcement = announcementOf(appended);
    if (announcement !== undefined) announce(announcement);
  }

  async function appendWithin(tx: MemoryTx, request: PreparedAppend): Promise<RecordedEvent[]> {
    const writer = writers.get(tx) ?? (await becomeWriter(tx));
    if (request.fence !== undefined) checkFence(request.fence);
    const { added, answer } = chainOn(links, writer.staged, request, clock());
    writer.staged.push(...added);
    return answer.map(recordedEvent);
  }

  return {
    leases,
    async append(batch, { tx, fence } = {}) {
      const request = prepareAppend(batch, fence);
      if (request.eventCount === 0) return [];
      return tx === undefined ? database.transaction((own) => appendWithin(own, request)) : appendWithin(tx, request);
    },
    ...readsOf(links, () => generation, recordedEvent),
    ...auditOf(links, () => generation),
    async resumeAfter(known) {
      const index = generations.findIndex(({ id }) => id === known);
      return index < 0 ? 0 : Math.min(links.all.length, ...generations.slice(index + 1).map(({ beganAfter }) => beganAfter));
    },
    transaction: (work) => database.transaction(work),
    close: () => Promise.resolve(),
    recoverTo(position) {
      links.keepUpTo(position);
      generation = newId();
      generations.push({ id: generation, beganAfter: position });
      endAll();
    },
    dropBefore(position) {
      links.oldest = position;
    },
    tamper(position, data) {
      const link = links.all[position - 1];
      if (link === undefined) throw new AppError('not-found', `no event at position ${position}`);
      link.data = data;
    },
  };
}

function readsOf(
  links: Links,
  generation: () => string,
  recordedEvent: (link: ChainLink) => RecordedEvent,
): Pick<MemoryEventLog, 'readFeed' | 'readStream' | 'readChain' | 'head' | 'positionAt'> {
  return {
    async readFeed(query) {
      checkFeedQuery(query, feedPageEventsMax);
      if (query.after < links.oldest - 1) throw goneBefore(query.after, links.oldest);
      return { events: links.after(query.after, query.limit).map(recordedEvent), head: links.all.length, generation: generation() };
    },
    async readStream(stream, { afterVersion = 0, limit } = {}) {
      return links.ofAfter(stream, afterVersion).slice(0, limit).map(recordedEvent);
    },
    async readChain({ after, limit }) {
      return links.after(after, limit);
    },
    async head() {
      return { position: links.all.length, generation: generation() };
    },
    async positionAt(time) {
      const ms = Date.parse(checkTime(time));
      // Times never go backwards, and are whole milliseconds here.
      return Math.max(links.oldest - 1, links.all.findLastIndex((link) => Date.parse(link.at) <= ms) + 1);
    },
  };
}

function auditOf(links: Links, generation: () => string): Omit<AuditedLog, 'readChain'> {
  return {
    async chainHead() {
      const { all, oldest } = links;
      const hashAt = (position: number): Buffer => all[position - 1]?.hash ?? genesisHash;
      return { position: all.length, hash: hashAt(all.length), generation: generation(), oldest, oldestHash: hashAt(oldest - 1) };
    },
    streamVersions: async (streams) => new Map(streams.flatMap((stream) => (links.of(stream).length > 0 ? [[stream, links.of(stream).length] as const] : []))),
    versionsBefore: async (streams, position) =>
      new Map(streams.flatMap((stream) => links.of(stream).flatMap((link) => (link.position < position ? [[stream, link.version] as const] : [])))),
    // There is one structure only: nothing that could disagree.
    disagreeingStreams: async () => [],
  };
}

/** What log.append does in SQL: checks versions, finds what is recorded already, numbers and chains the rest. */
function chainOn(links: Links, staged: readonly ChainLink[], request: PreparedAppend, now: number): { added: ChainLink[]; answer: ChainLink[] } {
  const last = staged.at(-1) ?? links.all.at(-1);
  const at = instant(Math.max(now, last === undefined ? 0 : Date.parse(last.at)));
  const added: ChainLink[] = [];
  const answer: ChainLink[] = [];
  for (const { stream, expectedVersion, events } of request.parts) {
    const history = [...links.of(stream), ...staged.filter((link) => link.stream === stream)];
    const recorded = new Map(history.filter((link) => link.position >= links.oldest).map((link) => [link.id, link]));
    if (expectedVersion !== undefined && expectedVersion !== history.length && events.some((event) => !recorded.has(event.id))) {
      throw conflictError({ stream, expected: expectedVersion, actual: history.length });
    }
    let version = history.length;
    for (const { id, type, metadata, data } of events) {
      let link = recorded.get(id);
      if (link === undefined) {
        const event = { position: (last?.position ?? 0) + added.length + 1, id, stream, version: ++version, type, at, metadata, data };
        link = { ...event, hash: chainHash((added.at(-1) ?? last)?.hash ?? genesisHash, event) };
        added.push(link);
      }
      answer.push(link);
    }
  }
  return { added, answer };
}

/** Six digits of the second, as PostgreSQL has them. */
const instant = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000Z`;

/** Parsed anew for each reader: nobody can change what another reads. */
const eventOf = ({ position, id, stream, version, type, at, metadata, data }: ChainLink): RecordedEvent => ({
  position,
  id,
  stream,
  version,
  type,
  data: JSON.parse(data) as unknown,
  metadata: JSON.parse(metadata) as EventMetadata,
  at,
});
