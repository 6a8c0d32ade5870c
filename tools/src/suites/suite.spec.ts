import { expect, it } from 'vitest';

import { honest, runSuites, selectSuites, type Outcome, type Suite } from './suite.ts';

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
  const broken: Suite = { name: 'broken', run: () => Promise.reject(new Error('no such file')) };
  const results = await runSuites([broken, { name: 'next', after: ['broken'], run: () => Promise.resolve(passing) }], 2, () => undefined);
  expect(results.map(({ name, passed, failed }) => ({ name, passed, failed }))).toEqual([
    { name: 'broken', passed: 0, failed: 1 },
    { name: 'next', passed: 1, failed: 0 },
  ]);
});

it('does not run a suite whose need failed, and counts it', async () => {
  const broken: Suite = { name: 'servers', run: () => Promise.reject(new Error('port taken')) };
  const results = await runSuites([broken, { name: 'e2e', needs: ['servers'], run: () => Promise.resolve(passing) }], 2, () => undefined);
  expect(results.map(({ name, passed, failed }) => ({ name, passed, failed }))).toEqual([
    { name: 'servers', passed: 0, failed: 1 },
    { name: 'e2e', passed: 0, failed: 1 },
  ]);
});

it('selects suites with what they need, and ignores the order after what was not selected', async () => {
  const run = () => Promise.resolve(passing);
  const all: Suite[] = [
    { name: 'build', run },
    { name: 'integration', run },
    { name: 'platform', needs: ['build'], after: ['integration'], run },
    { name: 'e2e', needs: ['platform'], run },
  ];
  const selected = selectSuites(all, ['e2e']);
  expect(selected.map(({ name }) => name)).toEqual(['build', 'platform', 'e2e']);
  expect(await runSuites(selected, 2, () => undefined)).toHaveLength(3);
  expect(selectSuites(all, [])).toBe(all);
  expect(() => selectSuites(all, ['end-to-end'])).toThrow("no suite 'end-to-end'");
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
