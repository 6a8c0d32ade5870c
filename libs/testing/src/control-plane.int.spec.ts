import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ControlPlane } from './control-plane.ts';
import { startControlPlane } from './control-plane.ts';
import { installCrds } from './install-crds.ts';
import { identify } from './processes/identity.ts';
import { poll } from './processes/poll.ts';
import { runningPrograms } from './processes/records.ts';

const application = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'default', name: 'guestbook' };

let stateDir: string;
let plane: ControlPlane;
let kube: KubeClient;

async function connect(): Promise<void> {
  kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: plane.kubeconfig, env: {} }), log: silentLogger });
}

/** The object once it `holds`. */
const once = (ref: Parameters<KubeClient['get']>[0], holds: (object: KubeObject) => boolean): Promise<KubeObject> =>
  poll(
    async () => {
      const object = await kube.get(ref);
      return object !== undefined && holds(object) && object;
    },
    { what: `${ref.kind} ${ref.name}`, timeoutMs: 30_000 },
  );

const fieldManager = 'test';
const labels = { app: 'web' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } } },
};
const guestbook = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'guestbook', namespace: 'default' },
  spec: {
    project: 'default',
    source: { repoURL: 'https://git.example.org/guestbook.git', path: 'manifests' },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'guestbook' },
  },
};

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'plumbline-control-plane-'));
  plane = await startControlPlane({ stateDir, nodes: 2 });
  await connect();
});

afterAll(async () => {
  await kube.close();
  await plane.stop();
  await rm(stateDir, { recursive: true, force: true });
});

it('says what it is, as Kubernetes does', async () => {
  expect((await kube.discover()).serverVersion).toMatch(/^v1\.34\./);
  expect((await runningPrograms(stateDir)).map(({ name, pid }) => ({ name, pid })).sort((a, b) => a.pid - b.pid)).toEqual(
    [...plane.processes].sort((a, b) => a.pid - b.pid),
  );
});

it('makes the Pods of a Deployment Ready, and clears up after it', async () => {
  await kube.apply(deployment, { fieldManager });
  const ref = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'default', name: 'web' };
  await once(ref, (object) => (object['status'] as { availableReplicas?: number } | undefined)?.availableReplicas === 2);
  await kube.delete(ref);
  await poll(async () => (await kube.list({ group: '', version: 'v1', kind: 'Pod' }, { namespace: 'default' })).items.length === 0, {
    what: 'the end of the Pods',
    timeoutMs: 30_000,
  });
});

it('takes the resource definitions: columns and short names of Argo CD, no status subresource, unknown fields kept', async () => {
  expect((await installCrds(kube)).sort()).toEqual(['applications.argoproj.io', 'appprojects.argoproj.io']);
  const written = await kube.apply(
    { ...guestbook, spec: { ...guestbook.spec, later: { version: 1 } }, status: { sync: { status: 'Synced', revision: 'abc' }, extra: true } },
    { fieldManager },
  );
  expect(written).toMatchObject({ spec: { later: { version: 1 } }, status: { sync: { status: 'Synced' }, extra: true } });
  const definition = await kube.get({ group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: 'applications.argoproj.io' });
  expect(definition).toMatchObject({
    status: { acceptedNames: { shortNames: ['app', 'apps'] } },
    spec: {
      versions: [
        {
          additionalPrinterColumns: [{ name: 'Sync Status' }, { name: 'Health Status' }, { name: 'Revision', priority: 10 }, { name: 'Project', priority: 10 }],
        },
      ],
    },
  });
  expect(definition!['spec']).not.toMatchObject({ versions: [{ subresources: {} }] });
});

it.each([
  ['without a destination', { destination: undefined }, 'spec.destination'],
  ['without a project', { project: undefined }, 'spec.project'],
  ['with a source that has no URL', { source: { path: 'x' } }, 'spec.source.repoURL'],
  ['with a text for a number', { revisionHistoryLimit: 'ten' }, 'spec.revisionHistoryLimit'],
])('refuses an Application %s', async (_, change, path) => {
  const refused = { ...guestbook, metadata: { ...guestbook.metadata, name: 'refused' }, spec: { ...guestbook.spec, ...change } };
  await expect(kube.create(refused)).rejects.toThrow(path);
});

it('leaves the definitions of somebody else as they are', async () => {
  const ref = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name: 'appprojects.argoproj.io' };
  await kube.mergePatch(ref, { metadata: { labels: { 'app.kubernetes.io/part-of': 'argocd' } } }, { fieldManager });
  expect(await installCrds(kube)).toEqual(['applications.argoproj.io']);
});

it('refuses a second start in the same directory while it runs', async () => {
  await expect(startControlPlane({ stateDir })).rejects.toThrow(/already runs/);
  expect((await kube.discover({ refresh: true })).serverVersion).toBeTruthy();
});

it('is the same cluster after a restart, and leaves no process behind', async () => {
  const { processes, server } = plane;
  await kube.close();
  await plane.stop();
  expect(await Promise.all(processes.map(({ pid }) => identify(pid)))).toEqual(processes.map(() => undefined));

  plane = await startControlPlane({ stateDir, nodes: 2 });
  expect(plane.server).toBe(server);
  await connect();
  expect(await kube.get(application)).toMatchObject({ status: { sync: { revision: 'abc' } } });
});

it('tells when one of its processes dies', async () => {
  const scheduler = plane.processes.find(({ name }) => name === 'kube-scheduler')!;
  process.kill(scheduler.pid, 'SIGKILL');
  await expect(Promise.race([plane.ended, sleep(10_000)])).rejects.toThrow(/kube-scheduler ended by signal SIGKILL/);
});
