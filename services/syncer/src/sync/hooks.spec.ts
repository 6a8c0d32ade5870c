import type { ResourceResult } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { managingInstance } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import { endedHooks, goesWhenStopped, heldHooks, hookFailure, hookOutcome, hookSuccess, isReplaced, markedWithRun } from './hooks.ts';

const finalizer = 'argocd.argoproj.io/hook-finalizer';
const operation = { operationId: 'op', attempt: 0, stepsCompleted: 1, phase: 'Running', operation: {} } as OperationRecord;
const job = (more: Partial<KubeObject['metadata']> = {}, status: object = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'migrate', namespace: 'ns', ...more },
  status,
});
const made = (at: Partial<OperationRecord>): KubeObject =>
  markedWithRun({ object: job({ finalizers: ['example.org/own'] }) } as unknown as DesiredObject, { instance: 'shop', operation: { ...operation, ...at } })
    .object;
const result = { group: 'batch', version: 'v1', kind: 'Job', namespace: 'ns', name: 'migrate', hookType: 'PreSync' } as ResourceResult;

// What is left of it goes with its application; nobody would find it otherwise.
test('a hook says whose it is', () => {
  expect(managingInstance(made({}))).toBe('shop');
});

test('a hook carries the finalizer from the beginning, beside its own (B011)', () => {
  expect(made({}).metadata.finalizers).toEqual(['example.org/own', finalizer]);
});

test.each<[string, KubeObject | undefined, Partial<OperationRecord>, boolean]>([
  ['of a step that is over', made({ stepsCompleted: 0 }), {}, true],
  ['of the step that runs (a hook of several phases has a result already)', made({ stepsCompleted: 1 }), {}, false],
  ['of the last step, when the operation has ended', made({ stepsCompleted: 1 }), { phase: 'Succeeded' }, true],
  ['of an earlier attempt', made({ stepsCompleted: 1 }), { attempt: 1, stepsCompleted: 0 }, true],
  ['of another operation', made({ stepsCompleted: 0 }), { operationId: 'other' }, false],
  ['that lost its finalizer', job(), {}, false],
  ['that is gone', undefined, {}, false],
])('a hook %s', (_, live, at, isHeld) => {
  const held = heldHooks({ ...operation, ...at, results: [result] }, () => live);
  expect(held).toEqual(isHeld ? [live] : []);
});

test('what is no hook is never released', () => {
  const { hookType: _, ...resource } = result;
  expect(heldHooks({ ...operation, results: [resource] }, () => made({ stepsCompleted: 0 }))).toEqual([]);
});

test.each<[string | undefined, boolean]>([
  [undefined, true],
  ['BeforeHookCreation', true],
  ['HookSucceeded', false],
  ['HookSucceeded,BeforeHookCreation', true],
])('policy %s replaces the one before: %s (B009)', (policy, expected) => {
  const annotations: Record<string, string> = policy === undefined ? {} : { 'argocd.argoproj.io/hook-delete-policy': policy };
  const desired = { object: job({ annotations }) } as unknown as DesiredObject;
  expect(isReplaced(desired, job())).toBe(expected);
  expect(isReplaced(desired, undefined)).toBe(false);
});

const condition = (type: string): object => ({ conditions: [{ type, status: 'True' }] });

// B012; a hook that something deletes while it carries the finalizer is judged by what it did.
test.each<[string, KubeObject, string]>([
  ['complete', job({}, condition('Complete')), 'succeeded'],
  ['failed', job({}, condition('Failed')), 'failed'],
  ['running', job(), 'running'],
  ['of unknown health', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, status: { phase: 'Unknown' } }, 'failed'],
  ['suspended', { ...job({}, condition('Suspended')), spec: { suspend: true } }, 'running'],
  ['complete and being deleted', job({ deletionTimestamp: '2030-01-01T00:00:00Z', finalizers: [finalizer] }, condition('Complete')), 'succeeded'],
  ['without a health check', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } }, 'succeeded'],
])('a hook that is %s has %s', (_, live, expected) => {
  expect(hookOutcome(job(), live)).toBe(expected);
});

const policy = 'argocd.argoproj.io/hook-delete-policy';
const withPolicy = (value: string, at: Partial<OperationRecord> = {}): KubeObject => {
  const hook = made({ stepsCompleted: 0, ...at });
  return { ...hook, metadata: { ...hook.metadata, annotations: { ...hook.metadata.annotations, [policy]: value } } };
};

// B009
test.each<[string, KubeObject | undefined, Partial<OperationRecord>, boolean]>([
  ['HookFailed, of an earlier step of a sync that failed', withPolicy('HookFailed'), { phase: 'Failed' }, true],
  ['HookFailed, of a sync that ended with an error', withPolicy('HookFailed'), { phase: 'Error' }, true],
  ['HookFailed, of an earlier attempt', withPolicy('HookFailed'), { phase: 'Failed', attempt: 2 }, true],
  ['HookFailed, of a sync that succeeded', withPolicy('HookFailed'), { phase: 'Succeeded' }, false],
  ['HookSucceeded, of a sync that succeeded', withPolicy('HookSucceeded'), { phase: 'Succeeded' }, true],
  ['HookSucceeded, of a sync that failed later', withPolicy('HookSucceeded'), { phase: 'Failed' }, false],
  ['HookSucceeded, of a sync that runs', withPolicy('HookSucceeded'), {}, false],
  ['HookFailed, that another sync made', withPolicy('HookFailed', { operationId: 'before' }), { phase: 'Failed' }, false],
  ['BeforeHookCreation', withPolicy('BeforeHookCreation'), { phase: 'Failed' }, false],
  ['HookFailed, of a dry run', withPolicy('HookFailed'), { phase: 'Failed', operation: { dryRun: true } }, false],
  ['that is gone', undefined, { phase: 'Failed' }, false],
])('a hook %s', (_, live, at, goes) => {
  expect(endedHooks({ ...operation, ...at, results: [result] }, () => live)).toEqual(goes ? [live] : []);
});

test('what is no hook is never deleted by a policy', () => {
  const { hookType: _, ...resource } = result;
  expect(endedHooks({ ...operation, phase: 'Failed', results: [resource] }, () => withPolicy('HookFailed'))).toEqual([]);
});

// B009, B026
test.each<[string, KubeObject, boolean]>([
  ['that runs, of any policy', withPolicy('HookSucceeded', { stepsCompleted: 1 }), true],
  ['that is done, HookFailed', withPolicy('HookFailed'), true],
  ['that is done, HookSucceeded', withPolicy('HookSucceeded'), false],
  ['of another operation', withPolicy('HookFailed', { operationId: 'before' }), false],
  ['that nobody of us made', job({ annotations: { [policy]: 'HookFailed' } }), false],
])('when a sync is terminated, a hook %s goes: %s', (_, live, expected) => {
  expect(goesWhenStopped(live, operation)).toBe(expected);
});

// Argo CD's result says what the health says, and no more.
test.each<[string, KubeObject | undefined, string]>([
  [
    'failed',
    job({}, { conditions: [{ type: 'Failed', status: 'True', message: 'Job has reached the specified backoff limit' }] }),
    'Job has reached the specified backoff limit',
  ],
  ['failed without a word', job({}, condition('Failed')), 'its health is Degraded'],
  ['is of unknown health', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, status: { phase: 'Unknown', message: 'node lost' } }, 'node lost'],
  ['is of unknown health without a word', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, status: { phase: 'Unknown' } }, 'its health is Unknown'],
  ['is gone', undefined, 'hook is missing: it might have been deleted before it was done'],
])('a hook that %s says so', (_, live, message) => {
  expect(hookFailure(live)).toBe(message);
});

test('a hook that succeeded says what its health says, or what was written', () => {
  const complete = { conditions: [{ type: 'Complete', status: 'True', message: 'Reached expected number of succeeded pods' }] };
  expect(hookSuccess(job({}, complete), 'job.batch/migrate created')).toBe('Reached expected number of succeeded pods');
  expect(hookSuccess(job({}, condition('Complete')), 'job.batch/migrate created')).toBe('job.batch/migrate created');
  expect(hookSuccess(undefined, 'job.batch/migrate created')).toBe('job.batch/migrate created');
});
