import { expect, test } from 'vitest';
import type { KubeObject } from '@plumbline/manifests';
import { makeKnownObjects, type KnownObjects } from './known-objects.ts';

const object = (name: string, uid: string, resourceVersion: string, more: Record<string, unknown> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'ns', uid, resourceVersion, ...more },
  data: { k: 'v' },
});

function told(): { known: KnownObjects; log: string[]; removed: KubeObject[] } {
  const log: string[] = [];
  const removed: KubeObject[] = [];
  const show = ({ metadata }: KubeObject): string => `${metadata.name} ${metadata.uid}@${metadata.resourceVersion}`;
  const known = makeKnownObjects({
    upsert: (upserted) => void log.push(`+${show(upserted)}`),
    remove(gone) {
      log.push(`-${show(gone)}`);
      removed.push(gone);
    },
  });
  return { known, log, removed };
}

test('the same version is told once, another uid is another object', () => {
  const { known, log } = told();
  known.upsert(object('a', 'u1', '1'));
  known.upsert(object('a', 'u1', '1'));
  known.upsert(object('a', 'u1', '2'));
  known.upsert(object('a', 'u2', '5'));
  expect(log).toEqual(['+a u1@1', '+a u1@2', '-a u1@2', '+a u2@5']);
});

test('the late end of an earlier object takes nothing away', () => {
  const { known, log } = told();
  known.upsert(object('a', 'u2', '5'));
  known.remove(object('a', 'u1', '6'));
  known.removeAllBut(new Set(['ns/a']));
  expect(log).toEqual(['+a u2@5']);
});

test('what vanished is told with its identity, and nothing of its content', () => {
  const { known, removed } = told();
  known.upsert(
    object('a', 'u1', '1', {
      labels: { l: 'x' },
      managedFields: [{ manager: 'm' }],
      annotations: { kept: 'y', 'kubectl.kubernetes.io/last-applied-configuration': '{"data":"hunter2"}' },
    }),
  );
  known.removeAllBut(new Set());
  expect(removed).toEqual([
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'a', namespace: 'ns', uid: 'u1', resourceVersion: '1' },
    },
  ]);
});
