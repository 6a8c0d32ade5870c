import { createHash, randomUUID } from 'node:crypto';
import type { ApplicationStatus, ResourceResult, SyncPolicy } from '@plumbline/contracts';
import { blobScope, canonicalJson, inClusterServer, renderManifests } from '@plumbline/contracts';
import { repositoryId } from '@plumbline/git';
import { startService, type StartedService } from '@plumbline/platform';
import { makeInstallation, type Installation } from '@plumbline/testing/installation';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startAggregatedApi, type AggregatedApi } from '../../test/aggregated-api.ts';
import { syncer } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
const suffix = randomUUID().slice(0, 8);
const group = `aggregated-${suffix}.example.org`;
// Of this run only: what others left in the cluster isn't theirs.
const settled = `settled-${suffix}`;
const unsettled = `unsettled-${suffix}`;
const repoURL = 'https://git.invalid/web.git';
let installation: Installation;
let service: StartedService;
let api: AggregatedApi;

beforeAll(async () => {
  installation = await makeInstallation();
  api = await startAggregatedApi(installation.kube, group, installation.namespace);
  service = await startService(syncer, installation.env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
  await sayWhatOthersSay();
});
afterAll(async () => {
  await service?.stop();
  await api?.remove();
  await installation?.remove();
});

/** What rbac, repo-watcher and renderer say to syncer: a project, a commit, and the manifests of each application's path. */
async function sayWhatOthersSay(): Promise<void> {
  const { eventLog, event, bus, blobs } = service.context;
  const spec = { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }] };
  const why = { cause: 'test' };
  const repository = repositoryId(repoURL);
  const commit = { repository, url: repoURL, ref: 'main', commit: 'c'.repeat(40), tree: 't'.repeat(40) };
  const { namespace } = installation;
  await eventLog.append([
    { stream: `project-${namespace}/default`, events: [event('ProjectDeclared', { namespace, name: 'default', uid: randomUUID(), spec }, why)] },
    { stream: `repository-${repository}`, events: [event('RevisionObserved', commit, why)] },
  ]);
  bus.serve(renderManifests, async ({ application }) => {
    const name = application.split('/')[1]!;
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } };
    const widget = { apiVersion: `${group}/v1`, kind: 'Widget', metadata: { name } };
    const manifests = name === unsettled ? [configMap, widget] : [configMap];
    const text = canonicalJson({ version: 1, sourceType: 'Directory', objects: manifests.map((manifest) => ({ manifest })) });
    const id = createHash('sha256').update(text).digest('hex');
    await blobs.put(blobScope.manifests, [{ id, bytes: Buffer.from(text) }]);
    return { manifestSet: id, sourceType: 'Directory' as const, objects: manifests.length, hit: false };
  });
}

const ref = (name: string) => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: installation.namespace, name });

async function declare(name: string, syncPolicy: SyncPolicy): Promise<void> {
  const { namespace } = installation;
  const source = { repoURL, path: '.', targetRevision: 'main' };
  const spec = { project: 'default', source, destination: { server: inClusterServer, namespace }, syncPolicy };
  await installation.kube.create({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name, namespace }, spec });
}

/** What kubectl shows of an Application: its sync status, its objects and its conditions. */
async function shown(name: string): Promise<{ sync?: string | undefined; resources: string[]; conditions: string[] }> {
  const { status } = (await installation.kube.get(ref(name))) as { status?: Partial<ApplicationStatus> };
  return {
    sync: status?.sync?.status,
    resources: (status?.resources ?? []).map((one) => `${one.kind}/${one.name} ${one.status}${one.requiresPruning === true ? ', to be pruned' : ''}`),
    conditions: (status?.conditions ?? []).map(({ type, message }) => `${type}: ${message}`),
  };
}

/** `kind/name: status` of a sync with pruning that somebody asks for. */
async function syncWithPruning(name: string): Promise<string[]> {
  const { position } = await service.context.eventLog.head();
  await installation.kube.mergePatch(ref(name), { operation: { sync: { prune: true } } }, { fieldManager: 'test' });
  return vi.waitFor(async () => {
    const { events } = await service.context.eventLog.readFeed({ after: position, limit: 100 });
    expect(events.map(({ type }) => type)).toContain('SyncSucceeded');
    const results = events.flatMap(({ type, data }) => (type === 'SyncStepCompleted' ? (data as { results: ResourceResult[] }).results : []));
    return results.map(({ kind, name: object, status }) => `${kind}/${object}: ${status}`).sort();
  }, soon);
}

it('prunes nothing of an aggregated API that is away, says so, and goes on when it is back', async () => {
  const left = `${settled}:${group}/Widget:${installation.namespace}/left`;
  api.put('left', { 'argocd.argoproj.io/tracking-id': left, 'argocd.argoproj.io/compare-options': 'IgnoreExtraneous' });
  // Nothing is to be done for the one, so nobody looks at it for minutes; the other has a manifest of the kind.
  await declare(settled, { automated: {} });
  await declare(unsettled, {});
  const whole = { sync: 'Synced', resources: [`ConfigMap/${settled} Synced`, 'Widget/left OutOfSync, to be pruned'], conditions: [] };
  const wanting = { sync: 'OutOfSync', resources: [`ConfigMap/${unsettled} OutOfSync`, `Widget/${unsettled} OutOfSync`], conditions: [] };
  await expect.poll(() => shown(settled), soon).toEqual(whole);
  await expect.poll(() => shown(unsettled), soon).toEqual(wanting);

  await api.goAway();
  const warning = expect.stringMatching(`^ComparisonWarning: nothing is known of ${group}/Widget now`);
  await expect.poll(() => shown(settled), soon).toEqual({ sync: 'Synced', resources: [`ConfigMap/${settled} Synced`], conditions: [warning] });
  const error = expect.stringMatching(`^ComparisonError: the API of the group ${group} can't be reached now`);
  await expect.poll(() => shown(unsettled), soon).toMatchObject({ sync: 'Unknown', conditions: [error] });
  expect(await syncWithPruning(settled)).toEqual([`ConfigMap/${settled}: Synced`]);

  await api.comeBack();
  await expect.poll(() => shown(settled), soon).toEqual(whole);
  await expect.poll(() => shown(unsettled), soon).toEqual(wanting);
  expect([...api.widgets.keys()]).toEqual(['left']);
  expect(await syncWithPruning(settled)).toEqual([`ConfigMap/${settled}: Synced`, 'Widget/left: Pruned']);
  expect(api.widgets.size).toBe(0);
}, 120_000);
