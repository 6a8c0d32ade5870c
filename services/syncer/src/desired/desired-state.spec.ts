import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import { blobScope, canonicalJson, type Application } from '@plumbline/contracts';
import type { Discovery } from '@plumbline/kube';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { makeDesiredStates } from './desired-state.ts';

const discovery: Discovery = {
  serverVersion: 'v1.34.4',
  kinds: [],
  apiVersions: [],
  unavailableGroups: [],
  find: () => undefined,
  findKind: () => undefined,
};
const application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'web', namespace: 'argocd' },
  spec: { project: 'default', destination: { namespace: 'shop' } },
} as Application;
const text = canonicalJson({ version: 1, sourceType: 'Directory', objects: [{ manifest: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } }] });
const id = createHash('sha256').update(text).digest('hex');

async function load(stored: string): Promise<number> {
  const blobs = makeMemoryBlobStore();
  await blobs.put(blobScope.manifests, [{ id, bytes: Buffer.from(stored) }]);
  const states = makeDesiredStates({ bus: {} as Bus, blobs, sealer: makeSealer(Buffer.alloc(32)), kube: { discover: async () => discovery } });
  return (await states.load(application, 'web', id)).objects.length;
}

it('takes what was rendered', async () => expect(await load(text)).toBe(1));

// Whoever could write into the blob store could once say what is applied.
it('refuses a manifest set that is not what its address says', async () => {
  await expect(load(text.replace('"a"', '"b"'))).rejects.toMatchObject({ code: 'manifest-invalid' });
});
