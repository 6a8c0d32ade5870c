import { constants, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { limits } from '../limits.ts';

/**
 * A secret value in every dress in which it might lie about: as it is, in hexadecimal, and in base64 at each of the
 * three offsets that a value can have in a longer text. Compressed content is inflated and searched too.
 */
export function needlesOf(canary: string): Buffer[] {
  const bytes = Buffer.from(canary);
  const base64 = [0, 1, 2].flatMap((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // The first and last characters hold bits of the neighbours.
    const inner = text.slice(offset === 0 ? 0 : offset + 1, -1);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
  return [...new Set([canary, encodeURIComponent(canary), bytes.toString('hex'), ...base64])].map((text) => Buffer.from(text));
}

/** Which needle is in there; undefined: none. Looks into gzip, zlib and zstd streams that begin anywhere. */
export function findNeedle(haystack: Buffer, needles: readonly Buffer[], depth = 2): string | undefined {
  const found = needles.find((needle) => haystack.includes(needle));
  if (found !== undefined) return found.toString();
  if (depth === 0) return undefined;
  for (const { magic, inflate } of compressions) {
    for (let at = haystack.indexOf(magic); at >= 0; at = haystack.indexOf(magic, at + 1)) {
      const inflated = tryTo(() => inflate(haystack.subarray(at)));
      const inner = inflated === undefined ? undefined : findNeedle(inflated, needles, depth - 1);
      if (inner !== undefined) return inner;
    }
  }
  return undefined;
}

/** What is cut short, or goes on with something else, is inflated as far as it goes. */
const options = { maxOutputLength: limits.inflatedBytesMax };
const untilItEnds = { ...options, finishFlush: constants.Z_SYNC_FLUSH };
/** RFC 1952, of a stream without a file name. */
const gzipHeaderBytes = 10;
const compressions: readonly { magic: Buffer; inflate: (bytes: Buffer) => Buffer }[] = [
  { magic: Buffer.from([0x1f, 0x8b, 0x08]), inflate: (bytes) => inflateRawSync(bytes.subarray(gzipHeaderBytes), untilItEnds) },
  { magic: Buffer.from([0x78, 0x9c]), inflate: (bytes) => inflateSync(bytes, untilItEnds) },
  { magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), inflate: (bytes) => zstdDecompressSync(bytes, options) },
];

/** Bytes that only look like the beginning of a stream are no finding. */
function tryTo(inflate: () => Buffer): Buffer | undefined {
  try {
    return inflate();
  } catch {
    return undefined;
  }
}
