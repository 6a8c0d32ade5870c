import { describe, expect, test } from 'vitest';
import { fitsRepository, fitsSurroundings, traceOf } from './trace.ts';
import type { Trace } from './trace.ts';

const surroundings = { environment: { ARGOCD_APP_NAME: 'h1', ARGOCD_APP_REVISION: 'h2' }, capabilities: 'c1' };
const footprint = { reads: { 'app/a.yaml': 'id1', 'app/b.yaml': 'absent' }, lists: { app: 'names1' } };

describe('surroundings', () => {
  test('what was not used may change', () => {
    const trace = traceOf(footprint, { environmentUsed: ['ARGOCD_APP_NAME'], capabilitiesUsed: false }, surroundings);
    expect(fitsSurroundings(trace, { environment: { ARGOCD_APP_NAME: 'h1', ARGOCD_APP_REVISION: 'other' }, capabilities: 'other' })).toBe(true);
    expect(fitsSurroundings(trace, { environment: { ARGOCD_APP_NAME: 'other' }, capabilities: 'c1' })).toBe(false);
  });

  test('capabilities count once they were used', () => {
    const trace = traceOf(footprint, { environmentUsed: [], capabilitiesUsed: true }, surroundings);
    expect(fitsSurroundings(trace, surroundings)).toBe(true);
    expect(fitsSurroundings(trace, { ...surroundings, capabilities: 'c2' })).toBe(false);
  });
});

describe('the repository', () => {
  const trace: Trace = { ...footprint, environment: {} };
  const now = (changed: Record<string, string>) => ({
    read: (path: string) => Promise.resolve(changed[path] ?? footprint.reads[path as keyof typeof footprint.reads]),
    list: (path: string) => Promise.resolve(changed[path] ?? footprint.lists[path as keyof typeof footprint.lists]),
  });

  test.each([
    ['nothing changed', {}, true],
    ['something else changed', { 'other/x.yaml': 'id9' }, true],
    ['a file that was read', { 'app/a.yaml': 'id2' }, false],
    ['a file that was looked for is there now', { 'app/b.yaml': 'id3' }, false],
    ['a name in a directory that was listed', { app: 'names2' }, false],
  ])('%s', async (_, changed, fits) => {
    expect(await fitsRepository(trace, now(changed))).toBe(fits);
  });
});
