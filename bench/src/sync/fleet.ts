import type { KubeObject } from '@plumbline/manifests';
import { inLanes, print, rounded } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { countRequests, requestsSince } from './api-requests.ts';
import { startCounting } from './processes.ts';

import { onStage } from './stage.ts';
import { inNamespace, isHealthy, isSynced } from './checks.ts';

/** As many as a client keeps connections to one API server. */
const lanes = 32;
const resources = ['configmaps', 'secrets', 'services', 'serviceaccounts', 'deployments', 'applications'];

/**
 * So many applications of five objects from nothing to Synced and Healthy; beside it W: the same objects written by a bare
 * client to the same control plane with all controllers on, until the last Deployment is available.
 */
export async function benchFleet(platform: RunningPlatform, applications: number): Promise<void> {
  const names = Array.from({ length: applications }, (_, index) => `a${index}`);
  const files = Object.fromEntries(names.map((name) => [`apps/${name}/all.yaml`, yamlOf(objectsOf(name))]));
  const bare = await writeBare(platform, names);
  await onStage(platform, files, async (stage) => {
    const deployments = stage.observe('apps', 'v1', 'Deployment');
    const created = names.map((name) => ({ name: `${stage.name}-${name}`, path: `apps/${name}` }));
    const ids = created.map(({ name }) => name);
    const before = await countRequests(stage.connection);
    const count = startCounting(platform);
    const startedAt = performance.now();
    const ends = Promise.all([
      stage.applications.all(ids, 'Synced', isSynced),
      stage.applications.all(ids, 'Healthy', isHealthy),
      deployments.all(names, 'available', isAvailable),
    ]);
    await stage.create(created);
    const createdAt = performance.now();
    const [synced, healthy, available] = (await ends).map((at) => seconds(startedAt, at)) as [number, number, number];
    const cost = count();
    const objects = applications * objectsPerApplication;
    print(`sync fleet: ${applications} applications of ${objectsPerApplication} objects from nothing to Synced and Healthy, s`, {
      synced,
      healthy,
      deploymentsAvailable: available,
      applicationsCreated: seconds(startedAt, createdAt),
      objectsPerSecond: Math.round(objects / healthy),
      ofW: rounded(bare.available / healthy),
      ofWWritten: rounded(bare.written / synced),
      ...cost,
      requests: requestsSince(before, await countRequests(stage.connection), resources),
    });
  });
}

async function writeBare(platform: RunningPlatform, names: readonly string[]): Promise<{ written: number; available: number }> {
  const measured = { written: 0, available: 0 };
  await onStage(platform, { 'README.md': 'Written by a bare client\n' }, async (stage) => {
    const objects = names.flatMap((name) => objectsOf(name).map((object) => inNamespace(object, stage.name)));
    const deployments = stage.observe('apps', 'v1', 'Deployment');
    // The first request of a client asks what is served.
    await stage.kube.discover();
    const count = startCounting(platform);
    const startedAt = performance.now();
    await inLanes(objects, lanes, (object) => stage.kube.apply(object, { fieldManager: 'calibration' }));
    measured.written = seconds(startedAt, performance.now());
    measured.available = seconds(startedAt, await deployments.all(names, 'available', isAvailable));
    print(`calibration W: ${objects.length} objects of ${names.length} applications by a bare client, ${lanes} at a time, s`, {
      ...measured,
      writtenPerSecond: Math.round(objects.length / measured.written),
      availablePerSecond: Math.round(objects.length / measured.available),
      ...count(),
    });
  });
  return measured;
}

const seconds = (from: number, to: number): number => rounded((to - from) / 1000);

function isAvailable(deployment: KubeObject): boolean {
  const { status, metadata } = deployment as { status?: { availableReplicas?: number; observedGeneration?: number }; metadata: { generation?: number } };
  return (status?.availableReplicas ?? 0) >= 1 && status?.observedGeneration === metadata.generation;
}

const objectsPerApplication = 5;

function objectsOf(name: string): KubeObject[] {
  const metadata = { name, labels: { app: name } };
  const container = { name: 'web', image: 'example.org/web:1', ports: [{ containerPort: 8080 }], env: [{ name: 'MODE', value: 'production' }] };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { text: 'x'.repeat(1_000) } },
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { password: `of ${name}` } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { serviceAccountName: name, containers: [container] } },
      },
    },
  ];
}

/** JSON is YAML. */
const yamlOf = (objects: readonly KubeObject[]): string => objects.map((object) => JSON.stringify(object)).join('\n---\n');
