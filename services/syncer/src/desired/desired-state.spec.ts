import { makeMemoryBlobStore, makeSealer } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import { AppError, blobScope, canonicalJson, type Application } from '@plumbline/contracts';
import type { Discovery } from '@plumbline/kube';
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { limits } from '../limits.ts';
import type { DesiredState } from './desired-object.ts';
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
const idOf = (stored: string): string => createHash('sha256').update(stored).digest('hex');

async function loaded(stored: string, id = idOf(stored)): Promise<DesiredState> {
  const blobs = makeMemoryBlobStore();
  await blobs.put(blobScope.manifests, [{ id, bytes: Buffer.from(stored) }]);
  const states = makeDesiredStates({ bus: {} as Bus, blobs, sealer: makeSealer(Buffer.alloc(32)), kube: { discover: async () => discovery } });
  return states.load(application, 'web', id);
}
const load = async (stored: string, id = idOf(text)): Promise<number> => (await loaded(stored, id)).objects.length;

it('takes what was rendered', async () => expect(await load(text)).toBe(1));

// Whoever could write into the blob store could once say what is applied.
it('refuses a manifest set that is not what its address says', async () => {
  await expect(load(text.replace('"a"', '"b"'))).rejects.toMatchObject({ code: 'manifest-invalid' });
});

// argocd-compat B005 to B007: what is compared, what is only run, and what is nothing at all.
it('has hooks beside what is compared, and neither what is skipped nor hooks that nobody runs', async () => {
  const hooks: Record<string, string> = { 'argocd.argoproj.io/hook': 'PreSync', 'helm.sh/hook': 'post-install' };
  const manifests = [
    { name: 'resource', annotations: {} },
    ...Object.entries(hooks).map(([annotation, value]) => ({ name: value, annotations: { [annotation]: value } })),
    ...['Skip', 'Presync', ''].map((value) => ({ name: `no-${value}`, annotations: { 'argocd.argoproj.io/hook': value } })),
    { name: 'test', annotations: { 'helm.sh/hook': 'test' } },
    { name: 'crd', annotations: { 'helm.sh/hook': 'crd-install' } },
  ].map((metadata) => ({ manifest: { apiVersion: 'v1', kind: 'ConfigMap', metadata } }));
  const { objects, byKey } = await loaded(canonicalJson({ version: 1, sourceType: 'Directory', objects: manifests }));
  expect(objects.map(({ object, kind }) => `${kind} ${object.metadata.name}`)).toEqual([
    'resource resource',
    'hook PreSync',
    'hook post-install',
    'resource crd',
  ]);
  expect([...byKey.keys()]).toEqual(['/ConfigMap//resource', '/ConfigMap//crd']);
});

const setOf = (count: number, annotations: (index: number) => Record<string, string>): string =>
  canonicalJson({
    version: 1,
    sourceType: 'Directory',
    objects: Array.from({ length: count }, (_, index) => ({
      manifest: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `a-${index}`, annotations: annotations(index) } },
    })),
  });

it('takes as many objects, in as many waves, as are documented, and says how many are too many', async () => {
  const most = setOf(limits.objectsMax, (index) => ({ 'argocd.argoproj.io/sync-wave': String(index % limits.wavesMax) }));
  expect(await load(most, idOf(most))).toBe(10_000);
  const tooMany = setOf(limits.objectsMax + 1, () => ({}));
  await expect(load(tooMany, idOf(tooMany))).rejects.toMatchObject({
    code: 'too-large',
    message: expect.stringMatching(/10001 objects, more than 10000: split it/) as string,
  });
  const tooDeep = setOf(limits.wavesMax + 1, (index) => ({ 'argocd.argoproj.io/sync-wave': String(index) }));
  await expect(load(tooDeep, idOf(tooDeep))).rejects.toMatchObject({ code: 'too-large', message: expect.stringContaining('501 sync waves') as string });
});

// A render that a killed renderer had in hand was waited for a whole minute, and the sync with it.
it('asks again when nobody answers, and takes a failure for one', async () => {
  const late = new AppError('deadline-exceeded', 'no answer', { retry: 'later', details: { deadlineMs: limits.renderAskMs } });
  const answers: (AppError | { manifestSet: string })[] = [late, late, { manifestSet: 'set' }, new AppError('deadline-exceeded', 'the engine took too long')];
  let asked = 0;
  const call = async () => {
    const answer = answers[asked++]!;
    if (answer instanceof AppError) throw answer;
    return answer;
  };
  const states = makeDesiredStates({
    bus: { call } as unknown as Bus,
    blobs: makeMemoryBlobStore(),
    sealer: makeSealer(Buffer.alloc(32)),
    kube: { discover: async () => discovery },
  });
  const render = () => states.render(application, 'spec', { repository: 'r', commit: 'c', tree: 't' }, false);
  expect([await render(), asked]).toEqual(['set', 3]);
  await expect(render()).rejects.toThrow('the engine took too long');
  expect(asked).toBe(4);
});
