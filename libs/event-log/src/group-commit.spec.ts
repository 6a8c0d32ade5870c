import { expect, it } from 'vitest';
import { makeGroupCommit } from './group-commit.ts';
import { groupEventsMax } from './limits.ts';
import type { PreparedAppend } from './prepare.ts';

const request = (streams: string[], eventCount = 1): PreparedAppend => ({ parts: streams.map((stream) => ({ stream, events: [] })), eventCount, sizeBytes: 0 });
const streamsOf = (one: PreparedAppend): string => one.parts.map((part) => part.stream).join('+');

/** Commits when it is told to; keeps what went together. */
function controlled() {
  const groups: string[][] = [];
  let release: () => void = () => undefined;
  const submit = makeGroupCommit<string>(async (group) => {
    groups.push(group.map(streamsOf));
    await new Promise<void>((resolve) => (release = resolve));
    return group.map((one) => (streamsOf(one) === 'bad' ? { error: new Error('bad') } : { answer: streamsOf(one) }));
  });
  const next = async (): Promise<void> => {
    release();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { groups, submit, next };
}

it('sends the first at once, and what came meanwhile together', async () => {
  const { groups, submit, next } = controlled();
  const answers = ['a', 'b', 'bad', 'c'].map((stream) => submit(request([stream])));
  const outcomes = Promise.allSettled(answers);
  expect(groups).toEqual([['a']]);
  await next();
  expect(groups).toEqual([['a'], ['b', 'bad', 'c']]);
  await next();
  expect((await outcomes).map((outcome) => outcome.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

it('lets no request overtake an earlier one of its stream, nor meet it in a group', async () => {
  const { groups, submit, next } = controlled();
  const all = Promise.all([['first'], ['a'], ['a', 'b'], ['b'], ['c'], ['a']].map((streams) => submit(request(streams))));
  for (let i = 0; i < 5; i++) await next();
  await all;
  expect(groups).toEqual([['first'], ['a', 'c'], ['a+b'], ['b', 'a']]);
});

it('keeps groups small enough, and lets the largest request through', async () => {
  const { groups, submit, next } = controlled();
  const all = Promise.all(
    [request(['first']), request(['a'], groupEventsMax + 1), request(['b'], groupEventsMax - 1), request(['c']), request(['d'])].map(submit),
  );
  for (let i = 0; i < 4; i++) await next();
  await all;
  expect(groups).toEqual([['first'], ['a'], ['b', 'c'], ['d']]);
});

it('fails all of a group whose commit failed, and goes on', async () => {
  let isAway = true;
  const submit = makeGroupCommit<string>(async (group) => {
    if (isAway) throw new Error('away');
    return group.map((one) => ({ answer: streamsOf(one) }));
  });
  await expect(submit(request(['a']))).rejects.toThrow('away');
  isAway = false;
  expect(await submit(request(['a']))).toBe('a');
});
