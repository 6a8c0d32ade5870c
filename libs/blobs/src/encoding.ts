import { promisify } from 'node:util';
import { zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { AppError } from '@plumbline/contracts';
import { blobBytesMax, compressedBytesMin, nameLengthMax, synchronousBytesMax } from './limits.ts';

/** How the stored bytes of a blob are to be read. */
export type Encoding = 'raw' | 'zstd';

export interface Encoded {
  encoding: Encoding;
  bytes: Buffer;
}

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** Compressed where that saves a tenth. */
export async function encode(bytes: Uint8Array): Promise<Encoded> {
  const raw: Encoded = { encoding: 'raw', bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  if (bytes.byteLength < compressedBytesMin) return raw;
  const compressed = bytes.byteLength <= synchronousBytesMax ? zstdCompressSync(bytes) : await compress(bytes);
  return compressed.byteLength < bytes.byteLength * 0.9 ? { encoding: 'zstd', bytes: compressed } : raw;
}

/** `internal` when what was stored is not what it says it is. */
export async function decode(id: string, { encoding, bytes }: Encoded, sizeBytes: number): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(sizeBytes, 1) };
  try {
    const decoded = encoding === 'raw' ? bytes : sizeBytes <= synchronousBytesMax ? zstdDecompressSync(bytes, options) : await decompress(bytes, options);
    if (decoded.byteLength === sizeBytes) return decoded;
  } catch (error) {
    throw damaged(id, error);
  }
  throw damaged(id);
}

const damaged = (id: string, cause?: unknown): AppError =>
  new AppError('internal', `blob ${id} is damaged in the store: it can't be read back; drop its scope and let its owner put it again`, { cause });

export function checkBlob(scope: string, { id, bytes }: { id: string; bytes: Uint8Array }): void {
  checkNames(scope, [id]);
  if (bytes.byteLength <= blobBytesMax) return;
  throw new AppError('too-large', `blob ${id} of ${scope} has ${bytes.byteLength} bytes, above the limit of ${blobBytesMax}`, {
    details: { scope, id, sizeBytes: bytes.byteLength, sizeBytesMax: blobBytesMax },
  });
}

export function checkNames(scope: string, ids: readonly string[]): void {
  for (const name of [scope, ...ids]) {
    if (name.length > 0 && name.length <= nameLengthMax && !name.includes('\0') && name.isWellFormed()) continue;
    throw new AppError(
      'invalid-argument',
      `${JSON.stringify(name.slice(0, nameLengthMax))} is no scope or id of a blob: give 1 to ${nameLengthMax} characters without NUL`,
    );
  }
}
