import { expect, test } from 'vitest';
import { parseOptions } from './options.ts';

const parse = (...args: string[]) => parseOptions(args, () => 42);

test('nothing given: all cases, a new seed, no report', () => {
  expect(parse()).toMatchObject({ cases: [], runs: undefined, seed: 42, list: false, report: undefined });
});

test('everything given', () => {
  expect(parse('--case', 'f-16,f-22', '--runs', '5', '--seed', '7', '--list')).toMatchObject({ cases: ['f-16', 'f-22'], runs: 5, seed: 7, list: true });
  expect(parse('--report')).toMatchObject({ report: 'docs/internals/fault-report.md' });
  expect(parse('--report', '--seed', '7')).toMatchObject({ report: 'docs/internals/fault-report.md', seed: 7 });
  expect(parse('--report', 'other.md')).toMatchObject({ report: 'other.md' });
});

test.each([
  [['--runs', '0'], '--runs'],
  [['--seed', 'x'], '--seed'],
  [['--colour'], '--colour'],
])('%j is refused', (args, word) => {
  expect(() => parse(...args)).toThrow(word);
});
