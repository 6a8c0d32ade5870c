import type { KubeObject } from '@plumbline/manifests';
import { track } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { syncSettings } from '../settings/sync-settings.ts';
import { countedHealth } from './awaited-health.ts';

const spec = { project: 'default', source: { repoURL: 'https://git.example.org/apps' }, destination: {} };
const application: KubeObject = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'root', namespace: 'argocd' },
  spec,
  status: { sync: { status: 'Synced', comparedTo: spec }, health: { status: 'Healthy' }, operationState: { phase: 'Running' } },
};

// The sync of an application that manages itself waited for its own end, and failed when its time was up.
test('an application does not count in its own health', () => {
  expect(countedHealth(track(application, 'root', 'argocd'), syncSettings({}))).toBeUndefined();
  expect(countedHealth(track(application, 'argocd_root', 'argocd'), syncSettings({}))).toBeUndefined();
});

test('in that of another it does, unless the installation says otherwise', () => {
  expect(countedHealth(track(application, 'parent', 'argocd'), syncSettings({}))).toMatchObject({ status: 'Progressing' });
  expect(countedHealth(track(application, 'parent', 'argocd'), syncSettings({ 'plumbline.health.childApplications': 'false' }))).toBeUndefined();
});
