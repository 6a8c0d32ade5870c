import type { Application } from '@plumbline/contracts';
import { AppError, initialApplicationStatus, silentLogger } from '@plumbline/contracts';
import { expect, test } from 'vitest';
import { ApplicationLog } from '../applications/application-log.ts';
import type { Entry } from '../reconcile/entry.ts';
import { resourceStatus } from './resource-status.ts';
import { makeStatusWriter } from './status-writer.ts';

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

function makeEntry(): Entry {
  const id = { namespace: 'argocd', name: 'shop', uid: 'u1' };
  const resource: Application = {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { ...id, resourceVersion: '1' },
    spec: { project: 'default', destination: {} },
  };
  const options = { log: { append: () => Promise.resolve([]), readStream: () => Promise.resolve([]) }, event: () => ({}) as never, now: () => 0 };
  const log = new ApplicationLog(id, { version: 1, state: { status: 'unseen' }, status: initialApplicationStatus }, options);
  return { key: 'argocd/shop', instance: 'shop', resource, isPresent: true, log, unanswered: 0, recordsPointer: false, wanted: new Set() };
}

function makeWriter(assertOwner: () => void = () => undefined) {
  const patches: unknown[] = [];
  const writer = makeStatusWriter({
    kube: {
      mergePatch: (_ref, patch) => {
        patches.push(patch);
        return Promise.resolve({ metadata: {} } as never);
      },
    },
    clock: () => 1_000_000 * (patches.length + 1),
    log: silentLogger,
    controlNamespace: 'argocd',
    assertOwner,
    written: (entry) => {
      const status = JSON.stringify(resourceStatus(entry.log.folded.status, entry.resource, 'argocd'));
      entry.resource = { ...entry.resource, status: JSON.parse(status) as Record<string, unknown> };
    },
  });
  return { writer, patches };
}

// A write that found nothing to say was remembered as still running, and the status never changed again.
test('a change that says nothing new does not silence the ones after it', async () => {
  const entry = makeEntry();
  const { writer, patches } = makeWriter();
  writer.changed(entry);
  await turn();
  expect(patches).toHaveLength(1);
  writer.changed(entry);
  await turn();
  expect(patches).toHaveLength(1);
  entry.log.folded = { ...entry.log.folded, status: { ...initialApplicationStatus, sync: { status: 'Synced', revision: 'r1' } } };
  writer.changed(entry);
  await turn();
  expect(patches.at(-1)).toMatchObject({ status: { sync: { status: 'Synced' } } });
  await writer.stop();
});

test('what people set is taken off with the version that was seen as precondition', async () => {
  const entry = makeEntry();
  entry.resource = { ...entry.resource, operation: { sync: {} } };
  entry.adoptedOperation = 'u1-x-1';
  const { writer, patches } = makeWriter();
  writer.changed(entry);
  await turn();
  expect(patches[0]).toMatchObject({ operation: null, metadata: { resourceVersion: '1' } });
  await writer.stop();
});

// A process that had stood still wrote what it knew over what the new owner had written meanwhile.
test('who does not own the cluster writes no status', async () => {
  const { writer, patches } = makeWriter(() => {
    throw new AppError('failed-precondition', 'the lease is not held', { retry: 'later' });
  });
  writer.changed(makeEntry());
  await turn();
  expect(patches).toEqual([]);
  await writer.stop();
});
