import type { Application, ApplicationStatus, OperationState } from '@plumbline/contracts';
import { AppError, initialApplicationStatus, silentLogger } from '@plumbline/contracts';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ApplicationLog } from '../applications/application-log.ts';
import { limits } from '../limits.ts';
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

/** A writer on a clock that the test moves; answers what was written at which time. */
function makeTimedWriter() {
  vi.useFakeTimers({ now: 1_000_000 });
  onTestFinished(() => void vi.useRealTimers());
  const entry = makeEntry();
  const writes: { afterMs: number; phase: string | undefined; message: string | undefined }[] = [];
  const writer = makeStatusWriter({
    kube: {
      mergePatch: () => {
        const { operationState } = entry.log.folded.status;
        writes.push({ afterMs: Date.now() - 1_000_000, phase: operationState?.phase, message: operationState?.message });
        return Promise.resolve({ metadata: {} } as never);
      },
    },
    clock: Date.now,
    log: silentLogger,
    controlNamespace: 'argocd',
    assertOwner: () => undefined,
    written: () => {
      const status = JSON.stringify(resourceStatus(entry.log.folded.status, entry.resource, 'argocd'));
      entry.resource = { ...entry.resource, status: JSON.parse(status) as Record<string, unknown> };
    },
  });
  onTestFinished(() => writer.stop());
  const becomes = async (phase: OperationState['phase'], message: string, more: Partial<ApplicationStatus> = {}): Promise<void> => {
    const syncResult = { revision: 'r1', resources: [] };
    const operation = { sync: {}, initiatedBy: { automated: true } };
    const finished = phase === 'Running' ? {} : { finishedAt: new Date(1_000_250).toISOString() };
    const operationState = { operation, phase, message, startedAt: new Date(1_000_000).toISOString(), syncResult, ...finished };
    entry.log.folded = { ...entry.log.folded, status: { ...entry.log.folded.status, ...more, operationState } };
    writer.changed(entry);
    await vi.advanceTimersByTimeAsync(0);
  };
  return { writes, becomes, passes: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test('a sync that is done within 300 ms is one write, at its end', async () => {
  const { writes, becomes, passes } = makeTimedWriter();
  await becomes('Running', 'syncing');
  await passes(200);
  await becomes('Succeeded', 'done', { sync: { status: 'Synced', revision: 'r1' } });
  await passes(10_000);
  expect(writes).toEqual([{ afterMs: 200, phase: 'Succeeded', message: 'done' }]);
});

test('a longer one is shown after 300 ms, its progress once a second, and its end at once', async () => {
  const { writes, becomes, passes } = makeTimedWriter();
  await becomes('Running', 'syncing');
  await passes(310);
  for (let wave = 0; wave < 10; wave++) {
    await becomes('Running', `wave ${wave}`);
    await passes(100);
  }
  await becomes('Succeeded', 'done');
  await passes(10_000);
  expect(writes).toEqual([
    { afterMs: 300, phase: 'Running', message: 'syncing' },
    { afterMs: 1_300, phase: 'Running', message: 'wave 9' },
    { afterMs: 1_310, phase: 'Succeeded', message: 'done' },
  ]);
});

test('another time of the last look is not worth a write', async () => {
  const { writes, becomes, passes } = makeTimedWriter();
  await becomes('Succeeded', 'done', { reconciledAt: new Date().toISOString() });
  await passes(10_000);
  await becomes('Succeeded', 'done', { reconciledAt: new Date().toISOString() });
  await passes(10_000);
  expect(writes.map(({ afterMs }) => afterMs)).toEqual([0]);
});

test.each([
  [3, 3],
  [limits.statusesAtOnce + 5, 0],
])('of %i operations at once that take half a second, %i are shown as running', async (count, shown) => {
  let written = 0;
  const writer = makeStatusWriter({
    kube: { mergePatch: () => Promise.resolve(void written++ as never) },
    clock: Date.now,
    log: silentLogger,
    controlNamespace: 'argocd',
    assertOwner: () => undefined,
    written: () => undefined,
  });
  const operationState = { operation: { sync: {} }, phase: 'Running', startedAt: new Date().toISOString() } as unknown as OperationState;
  const entries = Array.from({ length: count }, (_, index) => ({ ...makeEntry(), key: `argocd/a${index}`, log: runningLog(operationState) }));
  // Begun, and one step further.
  for (let times = 0; times < 2; times++) for (const entry of entries) writer.changed(entry);
  await new Promise((resolve) => setTimeout(resolve, limits.runningShownAfterMs + 150));
  expect(written).toBe(shown);
  await writer.stop();
});

function runningLog(operationState: OperationState): Entry['log'] {
  const { log } = makeEntry();
  log.folded = { ...log.folded, status: { ...initialApplicationStatus, operationState } };
  return log;
}
