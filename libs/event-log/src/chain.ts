import { createHash } from 'node:crypto';

/** An event as it is stored, with its link of the hash chain. */
export interface ChainLink {
  position: number;
  id: string;
  stream: string;
  version: number;
  type: string;
  /** `2026-01-31T23:59:59.000001Z`: UTC, six digits of the second. */
  at: string;
  /** Canonical JSON text. */
  metadata: string;
  data: string;
  hash: Buffer;
}

/** Where the log ends, and from where it is still here. */
export interface ChainHead {
  position: number;
  hash: Buffer;
  generation: string;
  /** Position of the oldest event that was not dropped with its partition; 1 when none was. */
  oldest: number;
  /** Of the event before that. */
  oldestHash: Buffer;
}

/** What can be verified: both twins. `after` is exclusive. */
export interface ChainedLog {
  readChain(query: { after: number; limit: number }): Promise<ChainLink[]>;
  chainHead(): Promise<ChainHead>;
}

/** hash(0) */
export const genesisHash: Buffer = Buffer.alloc(32);

/**
 * hash(n) = SHA-256(hash(n - 1) ‖ UTF-8 of eight lines joined by U+000A, without one at the end: position, id, stream,
 * version, type, at, metadata, data). Only data, the last, may contain a line break, so no two events share the bytes.
 * The same in SQL: postgres/append.sql.
 */
export function chainHash(previous: Buffer, event: Omit<ChainLink, 'hash'>): Buffer {
  const { position, id, stream, version, type, at, metadata, data } = event;
  return createHash('sha256').update(previous).update([position, id, stream, version, type, at, metadata, data].join('\n')).digest();
}

export type ChainVerdict = { isIntact: true; position: number; hash: string } | { isIntact: false; position: number; reason: string };

/** Walks the chain from a trusted link (default: the beginning, or what was dropped last) to the first event that doesn't fit. */
export async function verifyChain(log: ChainedLog, from?: { position: number; hash: Buffer }): Promise<ChainVerdict> {
  let { position, hash } = from ?? (await beginningOf(log));
  for (;;) {
    const links = await log.readChain({ after: position, limit: 1_000 });
    for (const link of links) {
      if (link.position !== position + 1)
        return { isIntact: false, position: position + 1, reason: `position ${position + 1} is missing, ${link.position} comes next` };
      if (!chainHash(hash, link).equals(link.hash))
        return { isIntact: false, position: link.position, reason: `event ${link.id} or its hash was changed after it was recorded` };
      position = link.position;
      hash = link.hash;
    }
    if (links.length === 0) return { isIntact: true, position, hash: hash.toString('hex') };
  }
}

/** The link before the oldest event. */
export async function beginningOf(log: ChainedLog): Promise<{ position: number; hash: Buffer }> {
  const { oldest, oldestHash } = await log.chainHead();
  return { position: oldest - 1, hash: oldestHash };
}
