import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SyncedApplication } from '../../test/synced-application.ts';
import { syncedApplication } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
beforeEach(removeJobs);
afterAll(async () => {
  if (cluster === undefined) return;
  await removeJobs();
  await cluster.remove();
});

const kind = { group: 'batch', version: 'v1', kind: 'Job' };
const jobs = async (): Promise<KubeObject[]> => (await cluster.kube.list(kind, { namespace: cluster.namespace })).items;

/** Nobody takes the finalizer of these hooks off: no sync waits for their end here. */
async function removeJobs(): Promise<void> {
  for (const { metadata } of await jobs()) {
    const ref = { ...kind, namespace: cluster.namespace, name: metadata.name };
    await cluster.kube.mergePatch(ref, { metadata: { finalizers: null } }, { fieldManager: 'test' });
    await cluster.kube.delete(ref, { propagationPolicy: 'Background' });
  }
}

const configMap = (name: string, data: Record<string, string> = { a: '1' }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const hook = (metadata: { name: string } | { generateName: string }, phases: string) => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { ...metadata, annotations: { 'argocd.argoproj.io/hook': phases } },
  // Nothing is to run.
  spec: { suspend: true, template: { spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'busybox' }] } } },
});

// argocd-compat B010
it('a hook with generateName is an object of its own in each phase, named by commit, phase and start', async () => {
  const { results } = await cluster.sync({ manifests: [hook({ generateName: 'migrate-' }, 'PreSync,PostSync'), configMap('web')] });
  const names = results.filter((result) => result.kind === 'Job').map(({ name }) => name);
  expect(results.map((result) => `${result.syncPhase} ${result.kind} ${result.status}`)).toEqual([
    'PreSync Job Synced',
    'Sync ConfigMap Synced',
    'PostSync Job Synced',
  ]);
  expect(names).toEqual([expect.stringMatching(/^migrate-0123456-presync-\d{10}$/), expect.stringMatching(/^migrate-0123456-postsync-\d{10}$/)]);
  expect(names[0]!.split('-').at(-1)).toBe(names[1]!.split('-').at(-1));
  const made = await jobs();
  expect(made.map(({ metadata }) => metadata.name).sort()).toEqual([...names].sort());
  for (const { metadata } of made) expect(metadata.annotations?.['argocd.argoproj.io/hook']).toBe('PreSync,PostSync');
});

it('a hook with a name is one object, made anew in each phase', async () => {
  const { sent, shown } = await cluster.sync({ manifests: [hook({ name: 'both' }, 'PreSync,PostSync')] });
  expect(shown).toEqual(['Job/both: Synced job.batch/both created', 'Job/both: Synced job.batch/both created']);
  expect(sent.filter((line) => !line.endsWith('(dry run)') && !line.startsWith('patch'))).toEqual([
    'apply Job/both',
    expect.stringMatching(/^delete .*Job\/both$/),
    'apply Job/both',
  ]);
});

// argocd-compat B042
it('hooks run with ApplyOutOfSyncOnly=true too, when nothing else is out of sync', async () => {
  const manifests = [hook({ name: 'before' }, 'PreSync'), configMap('same')];
  await cluster.sync({ manifests });
  const [first] = await jobs();
  const { shown, sent } = await cluster.sync({ manifests, spec: { syncPolicy: { syncOptions: ['ApplyOutOfSyncOnly=true'] } } });
  expect(shown).toEqual(['Job/before: Synced job.batch/before created']);
  expect(sent.filter((line) => line.includes('ConfigMap'))).toEqual([]);
  const [second, ...others] = await jobs();
  expect(others).toEqual([]);
  expect(second!.metadata.uid).not.toBe(first!.metadata.uid);
});
