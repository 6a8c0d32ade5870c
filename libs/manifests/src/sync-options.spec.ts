import { describe, expect, test } from 'vitest';
import {
  applicationSyncOptions,
  ignoresExtraneous,
  isClientSide,
  resourceSyncOptions,
  type ApplicationSyncOptions,
  type ResourceSyncOptions,
} from './sync-options.ts';
import type { KubeObject } from './object.ts';

const object = (options?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...(options === undefined ? {} : { annotations: { 'argocd.argoproj.io/sync-options': options } }) },
});

describe('of the application', () => {
  test.each<[string[], Partial<ApplicationSyncOptions>]>([
    [
      [],
      {
        createNamespace: false,
        applyOutOfSyncOnly: false,
        prunePropagation: 'Foreground',
        clientSideApplyMigration: true,
        failOnSharedResource: false,
        respectIgnoreDifferences: false,
      },
    ],
    [['CreateNamespace=true', 'ApplyOutOfSyncOnly=true'], { createNamespace: true, applyOutOfSyncOnly: true }],
    [['createnamespace=true', 'CreateNamespace = true'], { createNamespace: false }],
    [[' RespectIgnoreDifferences=true '], { respectIgnoreDifferences: true }],
    [['PrunePropagationPolicy=background'], { prunePropagation: 'Background' }],
    [['PrunePropagationPolicy=sideways'], { prunePropagation: 'Foreground' }],
    [['DryRunFirst=always'], { dryRunFirst: 'always' }],
    [['DryRunFirst=never'], { dryRunFirst: 'never' }],
    [['DryRunFirst=sometimes'], { dryRunFirst: 'multi-step' }],
    [['FailOnSharedResource=true', 'ClientSideApplyMigration=false'], { failOnSharedResource: true, clientSideApplyMigration: false }],
  ])('%j', (list, expected) => {
    expect(applicationSyncOptions(list)).toMatchObject(expected);
  });

  test('the operation adds its own', () => {
    expect(applicationSyncOptions(['CreateNamespace=true'], undefined, ['Replace=true'])).toMatchObject({ createNamespace: true, defaults: { replace: true } });
  });
});

describe('of one object, its annotation wins', () => {
  test.each<[string[], string | undefined, Partial<ResourceSyncOptions>]>([
    [
      [],
      undefined,
      {
        validate: true,
        prune: 'always',
        delete: 'always',
        replace: false,
        force: false,
        serverSideApply: undefined,
        pruneLast: false,
        skipDryRunOnMissingResource: false,
      },
    ],
    [['ServerSideApply=true'], 'ServerSideApply=false', { serverSideApply: false }],
    [['Replace=true'], 'Replace=false', { replace: false }],
    [['Prune=false'], 'Prune=confirm', { prune: 'when-confirmed' }],
    [['Prune=confirm'], 'Prune=true', { prune: 'always' }],
    [[], 'Delete=false, Prune=false', { delete: 'never', prune: 'never' }],
    [['Validate=false', 'PruneLast=true'], 'Force=true', { validate: false, pruneLast: true, force: true }],
    [[], 'SkipDryRunOnMissingResource=true', { skipDryRunOnMissingResource: true }],
    [[], 'force=true', { force: false }],
  ])('%j with %j', (list, annotation, expected) => {
    expect(resourceSyncOptions(object(annotation), applicationSyncOptions(list))).toMatchObject(expected);
  });
});

test.each<[string[], string | undefined, boolean]>([
  [[], undefined, false],
  [['ServerSideApply=false'], undefined, true],
  [['ServerSideApply=false'], 'ServerSideApply=true', false],
  [['Validate=false'], undefined, true],
  [['Validate=false', 'ServerSideApply=true'], undefined, false],
])('%j with %j asks for client-side semantics: %s', (list, annotation, expected) => {
  expect(isClientSide(resourceSyncOptions(object(annotation), applicationSyncOptions(list)))).toBe(expected);
});

test('IgnoreExtraneous is a compare option', () => {
  expect(ignoresExtraneous({ ...object(), metadata: { name: 'a', annotations: { 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' } } })).toBe(true);
  expect(ignoresExtraneous(object('IgnoreExtraneous'))).toBe(false);
});
