import type { ApplicationEvent } from '@plumbline/contracts';
import { evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';
import { expect, test } from 'vitest';
import { evolve, initialState } from './state.ts';
import { applied, compared, declared, deployment, outOfSync, record, requested, started, succeeded } from './testdata/examples.ts';

const synced = (operation: { localManifests?: number; dryRun?: boolean; resources?: { kind: string; name: string }[] }): ApplicationEvent[] => [
  declared,
  compared('r1', [outOfSync(deployment)]),
  requested('a', 'r1', { trigger: 'manual', initiatedBy: { username: 'ann' }, operation }),
  started('a'),
  applied('a'),
  succeeded('a', 'r1'),
];

// B027, B028: what no commit has can't be rolled back to, and says nothing about whether the commit was tried.
test.each<[string, Parameters<typeof synced>[0], boolean]>([
  ['the commit', {}, true],
  ['local manifests', { localManifests: 2 }, false],
  ['a part', { resources: [{ kind: 'Deployment', name: 'web' }] }, false],
  ['nothing, in a dry run', { dryRun: true }, false],
])('a sync by hand of %s', (_, operation, isDeployed) => {
  const events = synced(operation).map(record);
  expect(events.reduce(evolveApplicationStatus, initialApplicationStatus).history).toHaveLength(isDeployed ? 1 : 0);
  const state = events.reduce(evolve, initialState);
  expect(state.status === 'declared' && state.attempted !== undefined).toBe(isDeployed);
});
