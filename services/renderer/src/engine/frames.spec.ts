import { expect, test } from 'vitest';
import { encodeFrame, makeFrameDecoder } from './frames.ts';

test('frames come out whole, however the pipe cuts them', () => {
  const stream = Buffer.concat([encodeFrame({ type: 'a' }), encodeFrame({ type: 'b', text: 'ü' }, [Buffer.from([1, 2]), Buffer.from([3])]), encodeFrame({})]);
  for (const size of [1, 3, 7, stream.length]) {
    const decode = makeFrameDecoder(1000);
    const frames = [];
    for (let at = 0; at < stream.length; at += size) frames.push(...decode(stream.subarray(at, at + size)));
    expect(frames.map(({ header, body }) => [header, [...body]])).toEqual([
      [{ type: 'a' }, []],
      [{ type: 'b', text: 'ü' }, [1, 2, 3]],
      [{}, []],
    ]);
  }
});

test('a frame over the limit is refused before it is there', () => {
  const decode = makeFrameDecoder(100);
  expect(() => decode(encodeFrame({}, [Buffer.alloc(200)]).subarray(0, 20))).toThrow('more than 100');
});
