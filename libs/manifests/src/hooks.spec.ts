import { describe, expect, test } from 'vitest';
import { classify, hookDeletePolicies, hookName } from './hooks.ts';
import type { KubeObject } from './object.ts';

const job = (annotations: Record<string, string>): KubeObject => ({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', annotations } });
const argo = 'argocd.argoproj.io/hook';
const helm = 'helm.sh/hook';

describe('classify', () => {
  test.each<[Record<string, string>, ReturnType<typeof classify>]>([
    [{}, { type: 'resource' }],
    [{ [argo]: 'PreSync' }, { type: 'hook', phases: ['PreSync'] }],
    [{ [argo]: ' PostSync, PreSync ,PostSync' }, { type: 'hook', phases: ['PostSync', 'PreSync'] }],
    [{ [argo]: 'PreDelete,PostDelete,SyncFail,Sync' }, { type: 'hook', phases: ['PreDelete', 'PostDelete', 'SyncFail', 'Sync'] }],
    [{ [argo]: 'garbage' }, { type: 'ignored' }],
    [{ [argo]: '' }, { type: 'ignored' }],
    [{ [argo]: 'presync' }, { type: 'ignored' }],
    [{ [argo]: 'garbage,PreSync' }, { type: 'hook', phases: ['PreSync'] }],
    [{ [argo]: 'Skip' }, { type: 'skip' }],
    [{ [argo]: 'Skip,PreSync' }, { type: 'hook', phases: ['PreSync'] }],
    [{ [helm]: 'pre-install,pre-upgrade' }, { type: 'hook', phases: ['PreSync'] }],
    [{ [helm]: 'post-upgrade,pre-delete' }, { type: 'hook', phases: ['PostSync', 'PreDelete'] }],
    [{ [helm]: 'post-delete' }, { type: 'hook', phases: ['PostDelete'] }],
    [{ [helm]: 'crd-install' }, { type: 'resource' }],
    [{ [helm]: 'test' }, { type: 'ignored' }],
    [{ [helm]: 'test-success' }, { type: 'ignored' }],
    [{ [helm]: 'pre-rollback' }, { type: 'ignored' }],
    [{ [helm]: 'post-rollback' }, { type: 'ignored' }],
    [{ [helm]: 'test,pre-install' }, { type: 'hook', phases: ['PreSync'] }],
    [{ [helm]: 'crd-install,post-install' }, { type: 'hook', phases: ['PostSync'] }],
    [
      { [helm]: 'pre-install', [argo]: 'PostSync' },
      { type: 'hook', phases: ['PostSync'] },
    ],
    [{ [helm]: 'pre-install', [argo]: 'Skip' }, { type: 'skip' }],
  ])('%j is %j', (annotations, expected) => {
    expect(classify(job(annotations))).toEqual(expected);
  });
});

test.each<[Record<string, string>, string[]]>([
  [{}, ['BeforeHookCreation']],
  [{ 'argocd.argoproj.io/hook-delete-policy': 'nonsense' }, ['BeforeHookCreation']],
  [{ 'argocd.argoproj.io/hook-delete-policy': 'HookSucceeded,HookFailed' }, ['HookSucceeded', 'HookFailed']],
  [{ 'argocd.argoproj.io/hook-delete-policy': 'HookSucceeded', 'helm.sh/hook-delete-policy': 'before-hook-creation' }, ['HookSucceeded', 'BeforeHookCreation']],
  [{ 'helm.sh/hook-delete-policy': 'hook-succeeded, hook-failed' }, ['HookSucceeded', 'HookFailed']],
  [{ 'argocd.argoproj.io/hook-delete-policy': 'hook-succeeded', 'helm.sh/hook-delete-policy': 'HookFailed' }, ['BeforeHookCreation']],
  [{ 'argocd.argoproj.io/hook-delete-policy': 'HookFailed', 'helm.sh/hook-delete-policy': 'hook-failed' }, ['HookFailed']],
])('delete policies of %j are %j', (annotations, expected) => {
  expect(hookDeletePolicies(job(annotations))).toEqual(expected);
});

test('a generated hook name tells revision, phase and start', () => {
  expect(hookName('migrate-', { revision: '0123456789abcdef', phase: 'PreSync', startedAtMs: 1_700_000_000_999 })).toBe('migrate-0123456-presync-1700000000');
});
