import { expect, it } from 'vitest';
import { Coalescer } from './coalescer.ts';

function gate(): { promise: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: () => resolve() };
}

it('makes one further run of all that is asked while one runs', async () => {
  const runs: string[] = [];
  const first = gate();
  const coalescer = new Coalescer<number>(async (key, requests) => {
    runs.push(`${key}:${requests.join('+')}`);
    if (requests.includes(1)) await first.promise;
  });
  const all = [coalescer.ask('a', 1), coalescer.ask('a', 2), coalescer.ask('b', 3), coalescer.ask('a', 4)];
  await all[2];
  expect(runs).toEqual(['a:1', 'b:3']);
  first.open();
  await Promise.all(all);
  expect(runs).toEqual(['a:1', 'b:3', 'a:2+4']);
  await coalescer.ask('a', 5);
  expect(runs.at(-1)).toBe('a:5');
});

it('tells a failure to whom it concerns, and goes on', async () => {
  const coalescer = new Coalescer<boolean>(async (_key, requests) => {
    if (requests.includes(true)) throw new Error('no');
  });
  const settled = await Promise.allSettled([coalescer.ask('a', true), coalescer.ask('a', false), coalescer.ask('a', false)]);
  expect(settled.map((one) => one.status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  await coalescer.idle();
});
