import { chainHash, type ChainHead, type ChainLink } from '../chain.ts';
import { verifyProblemsMax, verifyStreamsMax } from '../limits.ts';
import { isSignedHead, logHeadsStream, type LogPublicKey, type SignedHead } from '../signed-head.ts';
import type { AuditedLog } from './audited-log.ts';

export interface VerifyOptions {
  /** Begin at this position instead of the oldest; the hash before it is taken as it is. */
  from?: number;
  /** Whose signatures count: the key of today, and those before it. Without any, signed heads are compared with the chain only. */
  publicKeys?: readonly LogPublicKey[];
  /** Signed heads that were kept elsewhere, in any order. */
  keptHeads?: readonly SignedHead[];
  progress?(position: number, head: number): void;
}

export interface VerifyReport {
  isIntact: boolean;
  /** First and last position that were looked at; `to` is `from` - 1 when there was nothing. */
  from: number;
  to: number;
  hash: string;
  generation: string;
  /** Signed heads that agree with the chain. */
  signedHeads: number;
  /** What is wrong, each with its position or stream; at most a hundred. */
  problems: string[];
  /** Signed by an earlier generation and not here any more: lost when the log was recovered from an older copy. */
  lost: SignedHead[];
}

/**
 * Checks everything that the log promises: the chain of hashes, dense positions, dense versions in each stream, the
 * tables of streams and of the head, signed heads. Goes up to where the log ended when it began; needs little memory.
 */
export async function verifyLog(log: AuditedLog, options: VerifyOptions = {}): Promise<VerifyReport> {
  const head = await log.chainHead();
  const walk = new Walk(log, head, options);
  await walk.begin(options.from);
  await walk.run();
  if (walk.position === head.position && !walk.hash.equals(head.hash)) walk.report(`the head's hash is not that of position ${head.position}`);
  if (walk.position < head.position) walk.report(`the head is at ${head.position}, but the last event that fits is at ${walk.position}`);
  for (const { stream, version, lastEvent } of await log.disagreeingStreams(verifyProblemsMax)) {
    walk.report(`stream ${stream} is said to be at version ${version}, its last event is ${lastEvent ?? 'missing'}`);
  }
  for (const kept of options.keptHeads ?? []) await walk.checkSigned(kept, 'a signed head that was kept elsewhere');
  const { from, position, hash, problems, signedHeads, lost } = walk;
  return { isIntact: problems.length === 0, from, to: position, hash: hash.toString('hex'), generation: head.generation, signedHeads, problems, lost };
}

class Walk {
  readonly #log: AuditedLog;
  readonly #head: ChainHead;
  readonly #options: VerifyOptions;
  /** Version of each stream at `position`, of those seen lately. */
  readonly #versions = new Map<string, number>();
  /** False: a stream that is not in the map has no event before. */
  #mayHaveEarlier: boolean;
  from: number;
  position: number;
  hash: Buffer;
  signedHeads = 0;
  readonly problems: string[] = [];
  readonly lost: SignedHead[] = [];

  constructor(log: AuditedLog, head: ChainHead, options: VerifyOptions) {
    this.#log = log;
    this.#head = head;
    this.#options = options;
    this.from = head.oldest;
    this.position = head.oldest - 1;
    this.hash = head.oldestHash;
    this.#mayHaveEarlier = false;
  }

  async begin(from: number | undefined): Promise<void> {
    if (from === undefined || from <= this.#head.oldest) return;
    const [before] = await this.#log.readChain({ after: from - 2, limit: 1 });
    if (before?.position !== from - 1) return this.report(`there is no event at position ${from - 1}, before the one to begin with`);
    this.from = from;
    this.position = before.position;
    this.hash = before.hash;
    this.#mayHaveEarlier = true;
  }

  report(problem: string): void {
    if (this.problems.length < verifyProblemsMax) this.problems.push(problem);
  }

  async run(): Promise<void> {
    while (this.position < this.#head.position) {
      const links = (await this.#log.readChain({ after: this.position, limit: 1_000 })).filter((link) => link.position <= this.#head.position);
      if (links.length === 0) return;
      await this.#checkVersions(links);
      for (const link of links) {
        if (!this.#follows(link)) return;
        if (link.stream === logHeadsStream && link.type === 'LogHeadSigned') {
          await this.checkSigned(JSON.parse(link.data) as SignedHead, `the signed head at position ${link.position}`, link.position);
        }
      }
      this.#options.progress?.(this.position, this.#head.position);
    }
  }

  #follows(link: ChainLink): boolean {
    const wanted = this.position + 1;
    if (link.position !== wanted) {
      this.report(`position ${wanted} is missing, ${link.position} comes next`);
      return false;
    }
    if (!chainHash(this.hash, link).equals(link.hash)) {
      this.report(`position ${link.position}: event ${link.id} or its hash was changed after it was recorded`);
      return false;
    }
    this.position = link.position;
    this.hash = link.hash;
    return true;
  }

  async #checkVersions(links: readonly ChainLink[]): Promise<void> {
    const streams = [...new Set(links.map((link) => link.stream))];
    const unknown = streams.filter((stream) => !this.#versions.has(stream));
    const earlier = this.#mayHaveEarlier && unknown.length > 0 ? await this.#log.versionsBefore(unknown, links[0]?.position ?? 0) : undefined;
    for (const link of links) {
      const before = this.#versions.get(link.stream) ?? earlier?.get(link.stream);
      // What was dropped with its partition can't be asked: then the first that is here counts.
      const isFirstHere = before === undefined && this.#head.oldest > 1;
      if (!isFirstHere && link.version !== (before ?? 0) + 1) {
        this.report(`position ${link.position}: version ${link.version} of stream ${link.stream} follows on ${before ?? 0}`);
      }
      this.#versions.delete(link.stream);
      this.#versions.set(link.stream, link.version);
    }
    const believed = await this.#log.streamVersions(streams);
    for (const stream of streams) {
      if ((believed.get(stream) ?? 0) < (this.#versions.get(stream) ?? 0)) this.report(`stream ${stream} has more events than the table of streams knows`);
    }
    for (const stream of this.#versions.keys()) {
      if (this.#versions.size <= verifyStreamsMax) break;
      this.#versions.delete(stream);
      this.#mayHaveEarlier = true;
    }
  }

  /** `at`: where it was recorded; undefined when it was kept elsewhere. */
  async checkSigned(signed: SignedHead, what: string, at?: number): Promise<void> {
    const { publicKeys = [] } = this.#options;
    if (publicKeys.length > 0) {
      const key = publicKeys.find((each) => each.id === signed.keyId);
      if (key === undefined) return this.report(`${what} was signed with the key ${signed.keyId}, not with ${publicKeys.map((each) => each.id).join(' or ')}`);
      if (!isSignedHead(signed, key)) return this.report(`${what}: its signature is wrong`);
    }
    if (at !== undefined && signed.position >= at) return this.report(`${what} is of position ${signed.position}, which comes later`);
    if (signed.position < this.#head.oldest) return; // dropped: the file of its partition has it
    const isLost = at === undefined && signed.generation !== this.#head.generation;
    if (signed.position > this.#head.position) {
      if (isLost) this.lost.push(signed);
      else this.report(`${what} is of position ${signed.position}, but the log ends at ${this.#head.position}`);
      return;
    }
    const [link] = await this.#log.readChain({ after: signed.position - 1, limit: 1 });
    if (link?.position === signed.position && link.hash.toString('hex') === signed.hash) this.signedHeads++;
    else if (isLost) this.lost.push(signed);
    else this.report(`${what}: the hash of position ${signed.position} is another now`);
  }
}
