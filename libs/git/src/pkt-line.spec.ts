import { describe, expect, it } from 'vitest';
import { packets, request, textOf } from './pkt-line.ts';

async function read(...chunks: (string | Buffer)[]): Promise<string[]> {
  const stream = async function* (): AsyncGenerator<Buffer> {
    for (const chunk of chunks) yield Buffer.from(chunk as string);
  };
  const found: string[] = [];
  for await (const packet of packets(stream())) found.push(Buffer.isBuffer(packet) ? textOf(packet) : packet);
  return found;
}

describe('packet lines', () => {
  it('are read in whatever pieces they come, and what was written is read', async () => {
    const text = request(['command=ls-refs', 'agent=ä'], ['peel']);
    const expected = ['command=ls-refs', 'agent=ä', 'delimiter', 'peel', 'flush'];
    expect(await read(text)).toEqual(expected);
    const bytes = Buffer.from(text);
    for (let cut = 1; cut < bytes.length; cut++) expect(await read(bytes.subarray(0, cut), bytes.subarray(cut))).toEqual(expected);
    expect(await read(...[...bytes].map((byte) => Buffer.of(byte)))).toEqual(expected);
  });

  it('may be empty, may lack the line feed, and may hold any byte', async () => {
    expect(await read('0004', '0005a', '0008\n\0\n\n')).toEqual(['', 'a', '\n\0\n']);
  });

  it.each([
    ['not hexadecimal', 'zzzz'],
    ['a length that stands for nothing', '0003'],
    ['the end of a response', '0002'],
    ['longer than a packet can be', 'fff1'],
    ['a page', '<html>'],
    ['cut in the length', '00'],
    ['cut in the text', '0009ab'],
  ])('are refused when they are %s', async (_, text) => {
    await expect(read(text)).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining("can't be read") });
  });
});
