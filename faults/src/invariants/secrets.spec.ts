import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { secretsIn } from './secrets.ts';

const secret = 'canary-0123456789abcdef01234567';

test.each<[string, Buffer]>([
  ['as it is', Buffer.from(`{"password":"${secret}"}`)],
  ['in base64', Buffer.from(Buffer.from(secret).toString('base64'))],
  ['in base64, one byte further', Buffer.from(Buffer.from(`x${secret}y`).toString('base64'))],
  ['in base64, two bytes further', Buffer.from(Buffer.from(`xy${secret}z`).toString('base64'))],
  ['in gzip', gzipSync(`a ${secret} b`)],
  ['in zlib', deflateSync(secret)],
  ['in zstd', zstdCompressSync(Buffer.from(secret))],
])('finds a secret %s', (_title, bytes) => {
  expect(secretsIn(bytes, ['another-secret-word', secret])).toEqual([secret]);
});

test('and none where there is none', () => {
  expect(secretsIn(Buffer.from('canary-0123'), [secret])).toEqual([]);
  expect(secretsIn(gzipSync('nothing'), [secret])).toEqual([]);
});
