import { canonicalFields, ownEntry, type KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubeClient, ObjectRef } from '../port.ts';

export interface KubeClientUnderTest {
  kube: KubeClient;
  /** Of this suite alone. */
  namespace: string;
  drop(): Promise<void>;
}

const fieldManager = 'plumbline-test';

/** What Plumbline relies on at an API server, for the real one and for its twin. Merging beyond this is the server's business. */
export function describeKubeClient(name: string, open: () => Promise<KubeClientUnderTest>): void {
  describe(`API server: ${name}`, () => {
    let kube: KubeClient;
    let namespace: string;
    let drop: () => Promise<void>;
    beforeAll(async () => void ({ kube, namespace, drop } = await open()));
    afterAll(async () => await drop?.());

    const map = (mapName: string, data: Record<string, string>, annotations?: Record<string, string>): KubeObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: mapName, namespace, ...(annotations === undefined ? {} : { annotations }) },
      data,
    });
    const ref = (mapName: string): ObjectRef => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace, name: mapName });

    it('gives uid, version and the owner of fields; applying the same again changes nothing', async () => {
      const first = await kube.apply(map('same', { a: '1' }), { fieldManager });
      expect(first.metadata.uid).toBeTruthy();
      const entry = ownEntry(first, fieldManager, 'Apply');
      expect(canonicalFields(entry?.fieldsV1 ?? {})).toBe('{"f:data":{"f:a":{}}}');
      const again = await kube.apply(map('same', { a: '1' }), { fieldManager });
      expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    it('removes what its owner leaves out, and leaves what is somebody else’s', async () => {
      await kube.apply(map('dropped', { a: '1', b: '2' }), { fieldManager });
      await kube.apply(map('dropped', { c: '3' }), { fieldManager: 'somebody-else' });
      const left = await kube.apply(map('dropped', { a: '1' }), { fieldManager });
      expect(left['data']).toEqual({ a: '1', c: '3' });
    });

    it('gives a field to whoever changed it by an update, and takes it back by a forced apply', async () => {
      await kube.apply(map('taken', { a: '1', b: '2' }), { fieldManager });
      const edited = await kube.mergePatch(ref('taken'), { data: { a: 'edited' } }, { fieldManager: 'kubectl-edit' });
      expect(canonicalFields(ownEntry(edited, fieldManager, 'Apply')?.fieldsV1 ?? {})).toBe('{"f:data":{"f:b":{}}}');
      const back = await kube.apply(map('taken', { a: '1', b: '2' }), { fieldManager });
      expect(back['data']).toEqual({ a: '1', b: '2' });
      expect(ownEntry(back, 'kubectl-edit', 'Update')).toBeUndefined();
    });

    it('says in a dry run what an apply would make, and does nothing', async () => {
      const before = await kube.apply(map('dry', { a: '1' }), { fieldManager });
      expect((await kube.apply(map('dry', { a: '2' }), { fieldManager, dryRun: true }))['data']).toEqual({ a: '2' });
      expect(await kube.get(ref('dry'))).toMatchObject({ data: { a: '1' }, metadata: { resourceVersion: before.metadata.resourceVersion } });
    });

    it('refuses a write on an old version, a second object of a name, another uid, an unknown kind', async () => {
      const made = await kube.create(map('once', { a: '1' }));
      await kube.mergePatch(ref('once'), { data: { a: '2' } }, { fieldManager });
      await expect(kube.replace({ ...made, data: { a: '3' } }, { fieldManager })).rejects.toMatchObject({ code: 'conflict' });
      const old = { metadata: { resourceVersion: made.metadata.resourceVersion }, data: { a: '3' } };
      await expect(kube.mergePatch(ref('once'), old, { fieldManager })).rejects.toMatchObject({ code: 'conflict' });
      await expect(kube.create(map('once', {}))).rejects.toMatchObject({ code: 'already-exists' });
      await expect(kube.delete(ref('once'), { uid: '11111111-1111-4111-8111-111111111111' })).rejects.toMatchObject({ code: 'conflict' });
      const unknown = { ...map('unknown', {}), apiVersion: 'example.org/v1', kind: 'Nobody' };
      await expect(kube.apply(unknown, { fieldManager })).rejects.toMatchObject({ code: 'unknown-kind' });
    });

    it('refuses a field that the kind does not have', async () => {
      await expect(kube.apply({ ...map('typo', {}), dota: {} }, { fieldManager })).rejects.toMatchObject({ code: 'manifest-invalid' });
    });

    it('keeps a deleted object until its last finalizer is gone', async () => {
      const made = await kube.create({ ...map('held', {}), metadata: { name: 'held', namespace, finalizers: ['example.org/hold'] } });
      expect(await kube.delete(ref('held'))).toBe(true);
      expect((await kube.get(ref('held')))?.metadata).toMatchObject({ uid: made.metadata.uid, deletionTimestamp: expect.any(String) as string });
      await kube.mergePatch(ref('held'), { metadata: { finalizers: null } }, { fieldManager });
      expect(await kube.get(ref('held'))).toBeUndefined();
      expect(await kube.delete(ref('held'))).toBe(false);
    });

    it('counts generations for what is wanted, not for metadata', async () => {
      const wanted = (replicas: number, labels: Record<string, string>): KubeObject => ({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'counted', namespace, labels },
        spec: {
          replicas,
          selector: { matchLabels: { app: 'x' } },
          template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'main', image: 'example.org/x:1' }] } },
        },
      });
      await kube.apply(wanted(0, { a: '1' }), { fieldManager });
      expect((await kube.apply(wanted(0, { a: '2' }), { fieldManager })).metadata.generation).toBe(1);
      expect((await kube.apply(wanted(1, { a: '2' }), { fieldManager })).metadata.generation).toBe(2);
    });

    it('tells a watch what there is, then each change in order', async () => {
      await kube.create(map('watched-1', { v: '1' }));
      const heard: string[] = [];
      const watch = kube.watch({
        group: '',
        version: 'v1',
        kind: 'ConfigMap',
        namespace,
        listener: {
          upsert: ({ metadata, ...object }) => {
            if (metadata.name.startsWith('watched-')) heard.push(`${metadata.name} ${(object['data'] as { v: string }).v}`);
          },
          remove: ({ metadata }) => void heard.push(`${metadata.name} gone`),
          synced: () => void heard.push('synced'),
        },
      });
      await expect.poll(() => heard).toEqual(['watched-1 1', 'synced']);
      await kube.create(map('watched-2', { v: '1' }));
      await kube.mergePatch(ref('watched-1'), { data: { v: '2' } }, { fieldManager });
      await kube.delete(ref('watched-2'));
      await expect.poll(() => heard.slice(2)).toEqual(['watched-2 1', 'watched-1 2', 'watched-2 gone']);
      await watch.stop();
    });
  });
}
