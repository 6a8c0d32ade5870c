import type { KubeObject } from '@plumbline/manifests';
import { applicationSyncOptions } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { OperationRecord } from '../domain/state.ts';
import { awaitedConfirmation, isApproved } from './prune.ts';

const since = '2030-01-01T12:00:00.700Z';

test.each([
  ['2030-01-01T12:00:00Z', true],
  ['2030-01-01T11:59:59Z', false],
  ['2030-01-01T13:00:00+01:00', true],
  ['2030-01-01T13:00:00+02:00', false],
  ['yes', false],
  [undefined, false],
])('%s approves of what began at 12:00:00.7: %s (B023)', (approvedAt, expected) => {
  expect(isApproved(approvedAt, since)).toBe(expected);
});

const object = (name: string, options?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'ns', ...(options === undefined ? {} : { annotations: { 'argocd.argoproj.io/sync-options': options } }) },
});

test.each<[string[], (string | undefined)[], string | undefined]>([
  [[], [undefined], undefined],
  [[], ['Prune=confirm', undefined], 'waiting for pruning confirmation of Secret/ns/s0'],
  [[], ['Delete=confirm'], 'waiting for pruning confirmation of Secret/ns/s0'],
  [['Prune=confirm'], [undefined, 'Prune=true', 'Prune=false'], 'waiting for pruning confirmation of Secret/ns/s0'],
  [['Prune=false'], ['Delete=confirm'], undefined],
  [['Prune=confirm'], Array.from({ length: 7 }), `waiting for pruning confirmation of ${[0, 1, 2, 3, 4].map((n) => `Secret/ns/s${n}`).join(', ')}, 2 more`],
])('application %j, objects %j: %s', (application, own, expected) => {
  const operation = { operation: { prune: true }, requestedAt: since } as OperationRecord;
  const objects = own.map((options, index) => object(`s${index}`, options));
  const options = applicationSyncOptions(application);
  expect(awaitedConfirmation(objects, { operation, options })).toBe(expected);
  expect(awaitedConfirmation(objects, { operation, options, deletionApprovedAt: since })).toBeUndefined();
  expect(awaitedConfirmation(objects, { operation: { ...operation, operation: { prune: true, dryRun: true } }, options })).toBeUndefined();
});

test('what is on its way out already needs no word', () => {
  const operation = { operation: { prune: true }, requestedAt: since } as OperationRecord;
  const leaving = { ...object('s', 'Prune=confirm'), metadata: { ...object('s', 'Prune=confirm').metadata, deletionTimestamp: since } };
  expect(awaitedConfirmation([leaving], { operation, options: applicationSyncOptions([]) })).toBeUndefined();
});
