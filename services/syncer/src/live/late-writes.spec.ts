import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { expect, it } from 'vitest';
import type { LiveRow } from './row.ts';
import { makeLateWrites, type LateWrite } from './late-writes.ts';

const object = (resourceVersion: string, time: string, manager = 'plumbline'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'web', namespace: 'shop', resourceVersion, managedFields: [{ manager, operation: 'Apply', time, fieldsV1: {} }] },
});
const row = (object: KubeObject): LiveRow => ({
  key: '/ConfigMap/shop/web',
  apiVersion: 'v1',
  uid: '1',
  resourceVersion: '',
  createdAt: '',
  generation: undefined,
  ownerUids: [],
  shown: undefined,
  object,
});
const before: LiveRow = { ...row(object('1', '2026-01-01T00:00:00Z')), resourceVersion: '1' };

/** A watch and a client of a new owner; `answer` ends the write that is in flight. */
function newOwner(): {
  found: LateWrite[];
  tell(object: KubeObject): void;
  write(): Promise<unknown>;
  answer(with_: KubeObject | Error): void;
  pass(ms: number): void;
} {
  let now = 0;
  const found: LateWrite[] = [];
  const writes = makeLateWrites(
    () => now,
    (_, write) => found.push(write),
  );
  let { promise, resolve, reject } = Promise.withResolvers<KubeObject>();
  const client = writes.client({ apply: () => promise } as unknown as KubeClient);
  return {
    found,
    tell: (after) => writes.changed(before, row(after)),
    write: () => {
      ({ promise, resolve, reject } = Promise.withResolvers<KubeObject>());
      return client.apply(object('', ''), { fieldManager: 'plumbline' }).catch(() => undefined);
    },
    answer: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)),
    pass: (ms) => (now += ms),
  };
}

const late = object('7', '2026-01-01T00:01:00Z');
const lateWrite = { resource: { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'shop', name: 'web' }, resourceVersion: '7' };

it('finds a change under our name that it did not make', () => {
  const owner = newOwner();
  owner.tell(late);
  expect(owner.found).toEqual([lateWrite]);
});

it('does not take its own writes for it, in whatever order watch and answer come', async () => {
  const owner = newOwner();
  const writing = owner.write();
  owner.tell(late);
  owner.answer(late);
  await writing;
  owner.tell(late);
  expect(owner.found).toEqual([]);
});

it('finds one that comes while a write of its own is in flight', async () => {
  const owner = newOwner();
  const writing = owner.write();
  owner.tell(late);
  owner.answer(object('8', '2026-01-01T00:01:00Z'));
  await writing;
  expect(owner.found).toEqual([lateWrite]);
});

it('concludes nothing where its own write had no answer', async () => {
  const owner = newOwner();
  const writing = owner.write();
  owner.answer(new AppError('deadline-exceeded', 'no answer'));
  await writing;
  owner.tell(late);
  expect(owner.found).toEqual([]);
});

it('finds one within the second of the last write', () => {
  const owner = newOwner();
  owner.tell(object('7', '2026-01-01T00:00:00Z'));
  expect(owner.found).toEqual([{ ...lateWrite, resourceVersion: '7' }]);
});

// An edit by hand takes the edited field out of our entry, and was once taken for a write of ours.
it('leaves what others change alone', () => {
  const owner = newOwner();
  const edited = object('7', '2026-01-01T00:00:00Z');
  edited.metadata.managedFields![0]!.fieldsV1 = {};
  edited.metadata.managedFields!.push({ manager: 'kubectl-edit', operation: 'Update', time: '2026-01-01T00:01:00Z', fieldsV1: {} });
  owner.tell(edited);
  owner.tell(object('8', '2026-01-01T00:01:00Z', 'kubectl-edit'));
  owner.tell({ ...late, metadata: { ...late.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' } });
  expect(owner.found).toEqual([]);
});

it('stops looking after a minute', () => {
  const owner = newOwner();
  owner.pass(61_000);
  owner.tell(late);
  expect(owner.found).toEqual([]);
});
