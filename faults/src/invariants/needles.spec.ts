import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findNeedle, needlesOf } from './needles.ts';

const canary = 'canary-7f3a9c-ü/+?';
const needles = needlesOf(canary);
const hidden: [how: string, bytes: Buffer][] = [
  ['as it is', Buffer.from(`"token":"${canary}"`)],
  ['in base64', Buffer.from(Buffer.from(canary).toString('base64'))],
  ['in base64, second offset', Buffer.from(Buffer.from(`x${canary}yy`).toString('base64'))],
  ['in base64, third offset', Buffer.from(Buffer.from(`xx${canary}z`).toString('base64'))],
  ['in hexadecimal', Buffer.from(Buffer.from(canary).toString('hex'))],
  ['in a URL', Buffer.from(`https://x/?t=${encodeURIComponent(canary)}`)],
  ['compressed with gzip, somewhere', Buffer.concat([Buffer.from('before'), gzipSync(canary), Buffer.from('after')])],
  ['compressed with zstd', zstdCompressSync(canary)],
  ['compressed base64', gzipSync(Buffer.from(canary).toString('base64'))],
];

describe('findNeedle', () => {
  it.each(hidden)('finds a canary %s', (_how, bytes) => expect(findNeedle(bytes, needles)).toBeDefined());

  it('finds nothing where there is nothing', () => {
    expect(findNeedle(Buffer.from('canary-7f3a9d and \u001f\u008b'), needles)).toBeUndefined();
    expect(findNeedle(gzipSync('something else'), needles)).toBeUndefined();
  });
});
