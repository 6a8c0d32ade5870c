import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeLineSplitter } from './line-splitter.ts';

function split(chunks: readonly Buffer[], lineBytesMax = 1_000): string[] {
  const lines: string[] = [];
  const feed = makeLineSplitter(lineBytesMax, (line) => lines.push(line.toString('utf8')));
  for (const chunk of chunks) feed(chunk);
  return lines;
}

test('lines come out whole however the stream is cut', () => {
  const line = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\n') && text !== '');
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 200 })), (lines, cuts) => {
      const stream = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const ends = [...cuts.filter((cut) => cut < stream.length), stream.length].sort((a, b) => a - b);
      const chunks = ends.map((end, i) => stream.subarray(ends[i - 1] ?? 0, end));
      expect(split(chunks, 10_000)).toEqual(lines.map((text) => Buffer.from(text).toString('utf8')));
    }),
  );
});

test('an unfinished line and empty lines are not told', () => {
  expect(split([Buffer.from('\n\na\nb')])).toEqual(['a']);
});

test.each([[['123456']], [['123', '456']], [['123', '456\n']]])('a line over the limit is refused: %j', (chunks) => {
  expect(() =>
    split(
      chunks.map((chunk) => Buffer.from(chunk)),
      5,
    ),
  ).toThrow(expect.objectContaining({ code: 'too-large' }));
});
