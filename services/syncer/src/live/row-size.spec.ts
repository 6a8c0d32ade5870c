import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLogger } from '@plumbline/contracts';
import type { WatchListener } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { expect, it } from 'vitest';
import { ClusterState } from './cluster-state.ts';

const objects = 50_000;
const podsPerReplicaSet = 2;
const podsOfService = 20;
const podsOfTeam = 400;
/** Of issue 5: what a cluster's objects cost that nobody manages. */
const bytesMax = 512;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heapBytes(): number {
  // Twice: the first time makes strings flat.
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const id = (number: number): string => `7f3c9a52-0000-4000-8000-${String(number).padStart(12, '0')}`;

function pod(index: number): KubeObject {
  const replicaSet = Math.floor(index / podsPerReplicaSet);
  const service = `service-${Math.floor(index / podsOfService)}`;
  const time = new Date(Date.UTC(2026, 0, 1) + replicaSet * 7_000).toISOString().replace('.000Z', 'Z');
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${service}-6d4cf56db6`, uid: id(replicaSet), controller: true }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${service}-6d4cf56db6-${index}`,
      namespace: `team-${Math.floor(index / podsOfTeam)}`,
      uid: id(1_000_000 + index),
      resourceVersion: String(90_000_000 + index),
      creationTimestamp: time,
      labels: { 'app.kubernetes.io/name': service },
      ownerReferences,
      managedFields: [{ manager: 'kubelet', operation: 'Update', apiVersion: 'v1', time, fieldsV1: { 'f:status': { [`f:${index}`]: {} } } }],
    },
    spec: { restartPolicy: 'Always', containers: [{ name: 'main', image: `registry.example.org/shop/${service}:1.${replicaSet % 3}.0` }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

it('keeps less than half a kilobyte of a Pod that nobody manages, with what the tree shows of it', () => {
  const told: WatchListener[] = [];
  const state = new ClusterState({
    kube: {
      watch({ listener }) {
        told.push(listener);
        return { hasSynced: () => true, stop: async () => undefined };
      },
    },
    log: silentLogger,
    isManaged: () => false,
    clock: Date.now,
    failingAfterMs: 60_000,
    onFailing: () => undefined,
    onChange: () => undefined,
  });
  state.follow(
    [{ group: '', version: 'v1', kind: 'Pod', resource: 'pods', namespaced: true, verbs: ['list', 'watch'], preferred: true, hasStatusSubresource: true }],
    [],
  );
  // As they come from the network: no two share a string.
  const tell = (from: number, to: number): void => {
    for (let index = from; index < to; index++) told[0]!.upsert(JSON.parse(JSON.stringify(pod(index))) as KubeObject);
  };
  // What code costs that runs for the first time is not the rows'.
  tell(0, podsOfTeam);
  const before = heapBytes();
  tell(podsOfTeam, podsOfTeam + objects);
  const bytes = (heapBytes() - before) / objects;
  const row = state.row('/Pod/team-0/service-0-6d4cf56db6-7');
  expect(row?.shown).toMatchObject({ images: ['registry.example.org/shop/service-0:1.0.0'], health: { status: 'Healthy' } });
  expect(state.childrenOf(id(3)).map(({ key }) => key)).toEqual(['/Pod/team-0/service-0-6d4cf56db6-6', '/Pod/team-0/service-0-6d4cf56db6-7']);
  expect(bytes).toBeGreaterThan(100);
  expect(bytes).toBeLessThan(bytesMax);
});
