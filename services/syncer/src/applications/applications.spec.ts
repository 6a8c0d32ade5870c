import type { Application } from '@plumbline/contracts';
import { silentLogger } from '@plumbline/contracts';
import type { KubeClient, WatchOptions } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { ApplicationLogOptions } from './application-log.ts';
import { Applications } from './applications.ts';

const application = (resourceVersion: number, annotations: Record<string, string>, more: Partial<Application> = {}): KubeObject =>
  ({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name: 'shop', namespace: 'argocd', uid: 'u1', resourceVersion: String(resourceVersion), annotations },
    spec: { project: 'default', destination: {} },
    ...more,
  }) as unknown as KubeObject;

/** Versions of one Application as the watch tells them. Answers how often it is looked at because of each. */
function looks(versions: readonly KubeObject[]): number[] {
  const listeners: WatchOptions['listener'][] = [];
  const kube = {
    watch: ({ listener }: WatchOptions) => (listeners.push(listener), { stop: async () => undefined, hasSynced: () => true }),
  } as unknown as KubeClient;
  let woken = 0;
  const applications = new Applications({
    ...{ kube, log: silentLogger, controlNamespace: 'argocd', known: new Map(), logOptions: {} as ApplicationLogOptions },
    wake: () => woken++,
  });
  applications.start();
  return versions.map((version) => {
    woken = 0;
    listeners[0]!.upsert(version);
    return woken;
  });
}

// The word that a deletion waited for was once found by the sweep, up to ten minutes later.
test('an Application is looked at again when what it wants or a word on it changes, and not for anything else', () => {
  const word = { 'argocd.argoproj.io/deletion-approved': '2030-01-01T00:00:00Z' };
  const noted = { ...word, 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
  const versions = [
    application(1, {}),
    application(2, word),
    application(3, noted),
    application(4, noted, { status: { sync: { status: 'Synced' } } }),
    application(4, {}),
    application(5, noted, { operation: { sync: {} } }),
    application(6, { ...noted, 'argocd.argoproj.io/skip-reconcile': 'true' }, { operation: { sync: {} } }),
  ];
  expect(looks(versions)).toEqual([1, 1, 0, 0, 0, 1, 1]);
});
