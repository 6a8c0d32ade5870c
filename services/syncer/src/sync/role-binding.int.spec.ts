import type { KubeObject } from '@plumbline/manifests';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SyncedApplication } from '../../test/synced-application.ts';
import { syncedApplication } from '../../test/synced-application.ts';

let cluster: SyncedApplication;
beforeAll(async () => void (cluster = await syncedApplication()));
afterAll(() => cluster?.remove());

const apiVersion = 'rbac.authorization.k8s.io/v1';
const role = (name: string, ...verbs: string[]) => ({ apiVersion, kind: 'Role', metadata: { name }, rules: [{ apiGroups: [''], resources: ['pods'], verbs }] });
const binding = (name: string, to: string, subjects: string[], annotations: Record<string, string> = {}) => ({
  apiVersion,
  kind: 'RoleBinding',
  metadata: { name, annotations },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: to },
  subjects: subjects.map((subject) => ({ kind: 'ServiceAccount', name: subject, namespace: cluster.namespace })),
});
const clientSide = { spec: { syncPolicy: { syncOptions: ['ServerSideApply=false'] } } };
const live = async (
  kind: string,
  name: string,
): Promise<KubeObject & { roleRef: { name: string }; subjects: { name: string }[]; rules: { verbs: string[] }[] }> => (await cluster.get(kind, name)) as never;

it('is deleted and made again when it binds another role, where it is applied on the client’s side (B030)', async () => {
  await cluster.sync({ manifests: [binding('moved', 'a', ['x', 'y'])], ...clientSide });
  const before = await live('RoleBinding', 'moved');
  const manifests = [binding('moved', 'b', ['x'])];
  const tried = await cluster.sync({ manifests, ...clientSide, operation: { dryRun: true } });
  expect(tried.shown).toEqual(['RoleBinding/moved: Synced rolebinding.rbac.authorization.k8s.io/moved configured (dry run)']);
  expect(await tried.judged()).toEqual({ moved: expect.arrayContaining(['/roleRef/name']) as string[] });
  expect((await live('RoleBinding', 'moved')).metadata.uid).toBe(before.metadata.uid);
  const outcome = await cluster.sync({ manifests, ...clientSide });
  expect(outcome.shown).toEqual(['RoleBinding/moved: Synced rolebinding.rbac.authorization.k8s.io/moved configured']);
  const after = await live('RoleBinding', 'moved');
  expect([after.roleRef.name, after.subjects.map(({ name }) => name)]).toEqual(['b', ['x']]);
  expect(after.metadata.uid).not.toBe(before.metadata.uid);
  expect(await outcome.judged()).toEqual({ moved: [] });
});

it('gets subjects and rules that are missing without being made again', async () => {
  await cluster.sync({ manifests: [role('grows', 'get'), binding('grows', 'grows', ['x'])], ...clientSide });
  const { uid } = (await live('RoleBinding', 'grows')).metadata;
  const outcome = await cluster.sync({ manifests: [role('grows', 'get', 'list'), binding('grows', 'grows', ['x', 'y'])], ...clientSide });
  expect(outcome.sent.some((line) => line.startsWith('delete'))).toBe(false);
  const after = await live('RoleBinding', 'grows');
  expect([after.metadata.uid, after.subjects.map(({ name }) => name)]).toEqual([uid, ['x', 'y']]);
  expect((await live('Role', 'grows')).rules).toEqual([{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }]);
});

it('is refused under server-side apply, with the option that makes it again', async () => {
  await cluster.sync({ manifests: [binding('kept', 'a', ['x'])] });
  const { uid } = (await live('RoleBinding', 'kept')).metadata;
  const refused = await cluster.sync({ manifests: [binding('kept', 'b', ['x'])] });
  expect(refused.shown).toEqual([expect.stringMatching(/^RoleBinding\/kept: SyncFailed .*roleRef.*Force=true/s)]);
  expect((await live('RoleBinding', 'kept')).metadata.uid).toBe(uid);
  await cluster.sync({ manifests: [binding('kept', 'b', ['x'], { 'argocd.argoproj.io/sync-options': 'Force=true' })] });
  expect((await live('RoleBinding', 'kept')).roleRef.name).toBe('b');
});
