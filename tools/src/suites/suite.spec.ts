import { expect, it } from 'vitest';

import { honest, runSuites, type Outcome, type Suite } from './suite.ts';

const passing: Outcome = { passed: 1, failed: 0, skipped: 0, output: '', timings: [] };

it('keeps the order that suites ask for, and the limit', async () => {
  const log: string[] = [];
  let running = 0;
  const suite = (name: string, after: string[] = [], alone = false): Suite => ({
    name,
    after,
    alone,
    run: async () => {
      running += 1;
      log.push(`${name} among ${running}`);
      await new Promise(setImmediate);
      running -= 1;
      return passing;
    },
  });
  await runSuites([suite('last', ['a', 'b'], true), suite('a'), suite('b'), suite('c')], 2, () => undefined);
  expect(log).toHaveLength(4);
  expect(log.slice(0, 2)).toEqual(['a among 1', 'b among 2']);
  expect(log).toContain('last among 1');
});

it('counts a suite that throws as failed and goes on', async () => {
  const broken: Suite = { name: 'broken', after: [], run: () => Promise.reject(new Error('no such file')) };
  const results = await runSuites([broken, { name: 'next', after: ['broken'], run: () => Promise.resolve(passing) }], 2, () => undefined);
  expect(results.map(({ name, passed, failed }) => ({ name, passed, failed }))).toEqual([
    { name: 'broken', passed: 0, failed: 1 },
    { name: 'next', passed: 1, failed: 0 },
  ]);
});

it('says which suites can never start', async () => {
  const first: Suite = { name: 'first', after: ['second'], run: () => Promise.resolve(passing) };
  await expect(runSuites([first, { ...first, name: 'second', after: ['first'] }], 2, () => undefined)).rejects.toThrow('first, second');
});

it('does not take silence for success', () => {
  expect(honest({ ...passing, passed: 0 }, 0).failed).toBe(1);
  expect(honest(passing, 1).failed).toBe(1);
  expect(honest(passing, null).failed).toBe(1);
  expect(honest(passing, 0).failed).toBe(0);
});
