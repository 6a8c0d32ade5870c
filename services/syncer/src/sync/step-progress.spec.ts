import type { ResourceResult } from '@plumbline/contracts';
import type { KubeObject, Step } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { syncSettings } from '../settings/sync-settings.ts';
import { progressOf } from './operation.ts';

const settings = syncSettings({});

const deployment = (condition: object | undefined, ready: boolean, paused = false): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'ns', generation: 1 },
  spec: { replicas: 1, paused },
  status: {
    observedGeneration: 1,
    replicas: 1,
    updatedReplicas: 1,
    availableReplicas: ready ? 1 : 0,
    ...(condition === undefined ? {} : { conditions: [condition] }),
  },
});
const given = (objects: readonly KubeObject[]): { step: Step; results: ResourceResult[] } => ({
  step: { phase: 'Sync', wave: 0, objects: objects.map((object) => ({ object, isHook: false })), prune: [] },
  results: objects.map((object) => ({
    group: object.kind === 'Deployment' ? 'apps' : '',
    version: 'v1',
    kind: object.kind,
    namespace: 'ns',
    name: object.metadata.name,
    status: 'Synced',
    message: 'created',
    syncPhase: 'Sync',
  })),
});
const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'token', namespace: 'ns' } };
const tooLate = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded' };

/** How far a step is that applied these objects, which now look like this. */
const progress = (live: readonly KubeObject[], isLast = false): string => {
  const { step, results } = given(live);
  const found = progressOf(step, results, isLast, { live: (key) => live.find(({ kind }) => key.includes(kind)), settings });
  return found.state === 'waiting' ? 'waiting' : found.results.map(({ status }) => status).join(' ');
};

// Argo CD's reading of the objects of a wave, argocd-compat B013.
test.each<[string, KubeObject[], string]>([
  ['healthy', [deployment(undefined, true)], 'Synced'],
  ['progressing', [deployment(undefined, false)], 'waiting'],
  ['suspended', [deployment(undefined, true, true)], 'waiting'],
  ['degraded', [deployment(tooLate, false)], 'SyncFailed'],
  ['without a health check', [secret], 'Synced'],
  ['healthy, and another that progresses', [secret, deployment(undefined, false)], 'waiting'],
  ['without a health check, and another that is degraded', [secret, deployment(tooLate, false)], 'Synced SyncFailed'],
])('before the next step an object that is %s: %s', (_, live, expected) => {
  expect(progress(live)).toBe(expected);
});

test('the last step is over once it is applied: the operation waits for health itself', () => {
  expect(progress([deployment(undefined, false)], true)).toBe('Synced');
  expect(progress([deployment(tooLate, false)], true)).toBe('Synced');
});
