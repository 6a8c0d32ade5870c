import { expect, it } from 'vitest';

import { countGoTests } from './go-suite.ts';

it('counts top-level tests and packages that do not build', () => {
  const events = [
    { Action: 'run', Package: 'engine', Test: 'TestHelm' },
    { Action: 'pass', Package: 'engine', Test: 'TestHelm/values', Elapsed: 0.1 },
    { Action: 'pass', Package: 'engine', Test: 'TestHelm', Elapsed: 0.25 },
    { Action: 'skip', Package: 'engine', Test: 'TestSlow', Elapsed: 0 },
    { Action: 'output', Package: 'engine', Test: 'TestBad', Output: 'want 1, got 2\n' },
    { Action: 'fail', Package: 'engine', Test: 'TestBad', Elapsed: 0 },
    { Action: 'fail', Package: 'engine', Elapsed: 1 },
    { Action: 'fail', Package: 'engine/kustomize', Elapsed: 0 },
  ];
  const text = `# engine/kustomize\nx.go:1: undefined: y\n${events.map((event) => JSON.stringify(event)).join('\n')}`;
  const outcome = countGoTests(text);
  expect(outcome).toMatchObject({ passed: 1, failed: 2, skipped: 1 });
  expect(outcome.output).toBe('# engine/kustomize\nx.go:1: undefined: y\nwant 1, got 2\n');
  expect(outcome.timings[0]).toEqual({ name: 'engine TestHelm', durationMs: 250 });
});
