import { AppError, canonicalJson } from '@plumbline/contracts';
import type { AuditedLog } from '../audit/audited-log.ts';
import { beginningOf, chainHash, type ChainLink } from '../chain.ts';
import type { LogPublicKey, LogSigner } from '../signed-head.ts';

/** First line of an archive: which part of which log it holds. Hashes are hexadecimal. */
export interface ArchiveHeader {
  format: typeof archiveFormat;
  generation: string;
  first: number;
  last: number;
  /** Of the event before the first, and of the last. */
  hashBefore: string;
  hashAfter: string;
}

const archiveFormat = 'plumbline-log-archive-1';

/**
 * A part of the log as lines: the header, one event each with its texts as they were hashed, and the signature. The
 * signature is of the header, and the header's hashes fix every byte of the events between them.
 *
 * @throws AppError `failed-precondition` when the log doesn't have all of it
 */
export async function* archiveLines(log: AuditedLog, { first, last }: { first: number; last: number }, signer: LogSigner): AsyncGenerator<string> {
  const { generation } = await log.chainHead();
  const header: ArchiveHeader = {
    format: archiveFormat,
    generation,
    first,
    last,
    hashBefore: (await hashAt(log, first - 1)).toString('hex'),
    hashAfter: (await hashAt(log, last)).toString('hex'),
  };
  yield canonicalJson(header);
  for (let after = first - 1; after < last;) {
    const links = await log.readChain({ after, limit: Math.min(1_000, last - after) });
    if (links.length === 0) throw new AppError('failed-precondition', `the log has nothing at position ${after + 1}`);
    for (const { hash: _, ...event } of links) yield canonicalJson(event);
    after = links.at(-1)?.position ?? last;
  }
  yield canonicalJson({ keyId: signer.publicKey.id, signature: signer.sign(headerBytes(header)) });
}

async function hashAt(log: AuditedLog, position: number): Promise<Buffer> {
  const before = await beginningOf(log);
  if (position === before.position) return before.hash;
  const [link] = await log.readChain({ after: position - 1, limit: 1 });
  if (link?.position === position) return link.hash;
  throw new AppError('failed-precondition', `the log has no event at position ${position}`);
}

/**
 * Reads an archive again: every event must be chained to the one before, the last one must have the hash that the header
 * says, and the header must be signed with this key.
 *
 * @throws AppError `failed-precondition`: what is wrong, and where
 */
export async function checkArchive(lines: AsyncIterable<string>, publicKey: LogPublicKey): Promise<ArchiveHeader> {
  let header: ArchiveHeader | undefined;
  let link: { position: number; hash: Buffer } = { position: 0, hash: Buffer.alloc(0) };
  let isSigned = false;
  for await (const line of lines) {
    const value = parsed(line);
    if (header === undefined) {
      header = asHeader(value);
      link = { position: header.first - 1, hash: Buffer.from(header.hashBefore, 'hex') };
    } else if (isSigned) {
      throw broken('something comes after the signature');
    } else if ('signature' in value) {
      checkSignature(header, value, publicKey);
      isSigned = true;
    } else {
      link = next(link, value as unknown as Omit<ChainLink, 'hash'>);
    }
  }
  if (header === undefined) throw broken('it is empty');
  if (!isSigned) throw broken('its end is missing: there is no signature');
  if (link.position !== header.last) throw broken(`it ends at position ${link.position}, not at ${header.last}`);
  if (link.hash.toString('hex') !== header.hashAfter) throw broken('its events are not those that were signed');
  return header;
}

function next(link: { position: number; hash: Buffer }, event: Omit<ChainLink, 'hash'>): { position: number; hash: Buffer } {
  if (event.position !== link.position + 1) throw broken(`position ${link.position + 1} is missing, ${event.position} comes next`);
  return { position: event.position, hash: chainHash(link.hash, event) };
}

function checkSignature(header: ArchiveHeader, value: Record<string, unknown>, publicKey: LogPublicKey): void {
  if (value['keyId'] !== publicKey.id) throw broken(`it was signed with the key ${String(value['keyId'])}, not with ${publicKey.id}`);
  if (!publicKey.isSignedBy(headerBytes(header), String(value['signature']))) throw broken('its signature is wrong');
}

const headerBytes = (header: ArchiveHeader): Buffer => Buffer.from(canonicalJson(header));

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw broken(`a line is no JSON object: ${line.slice(0, 60)}`);
}

function asHeader(value: Record<string, unknown>): ArchiveHeader {
  const { format, first, last } = value;
  if (format !== archiveFormat) throw broken(`its format is ${JSON.stringify(format)}, not ${archiveFormat}`);
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) throw broken('its header has no positions');
  return value as unknown as ArchiveHeader;
}

const broken = (what: string): AppError => new AppError('failed-precondition', `the archive is not right: ${what}`);
