import type { Application } from '@plumbline/contracts';
import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

interface Explanation {
  sentence: string;
  next: string;
  chain: { position: number; time: string; actor: string; what: string }[];
}

test('time travel, explanation and history: a sync, a change by hand, a new commit', async () => {
  const shop = await begin();
  const path = `/api/v1/applications/${shop.name}`;
  const explanation = () => shop.api.get<Explanation>(`${path}/explain`);
  const says = (wanted: RegExp) =>
    eventually(`the explanation says ${wanted}`, async (note) => {
      const found = await explanation();
      note(found.sentence);
      return wanted.test(found.sentence) ? found : undefined;
    });

  const { head: before } = await shop.events({ from: 0, limit: 1 });
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated({ syncPolicy: { syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'OutOfSync' });
  const created = await says(/^Out of sync since .*automated sync is off\.$/);
  expect(created.next).toMatch(/^Sync it/);
  expect(created.chain.map((link) => link.what).join('\n')).toMatch(/commit .* seen at .*\n.*objects rendered from manifests/s);
  const { head: outOfSync } = await shop.events({ from: 0, limit: 1 });

  expect((await shop.api.call('POST', `${path}/sync`, { body: {} })).status).toBe(200);
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  const synced = await says(/^Synced to .* and healthy since/);
  expect(synced.chain).toContainEqual(expect.objectContaining({ actor: 'admin', what: 'asked for sync through the API' }));
  const { head: healthy } = await shop.events({ from: 0, limit: 1 });

  await shop.kube.mergePatch(
    { group: 'apps', version: 'v1', kind: 'Deployment', namespace: shop.namespace, name: 'nginx-demo' },
    { spec: { replicas: 3 } },
    { fieldManager: 'kubectl-scale' },
  );
  const drifted = await says(/because kubectl-scale changed spec\.replicas of Deployment .*\/nginx-demo; self-heal is off\.$/);
  expect(drifted.next).toMatch(/turn on spec\.syncPolicy\.automated\.selfHeal/);

  const at = async (position: number) => (await shop.api.call('GET', `${path}?at=${position}`)) as { status: number; body: Application };
  expect((await at(before)).status).toBe(404);
  expect((await at(outOfSync)).body.status).toMatchObject({ sync: { status: 'OutOfSync' } });
  expect((await at(healthy)).body.status).toMatchObject({ sync: { status: 'Synced' }, health: { status: 'Healthy' } });
  for (const wrong of ['-1', 'x', '999999999999', '2999-01-01T00:00:00Z']) expect((await shop.api.call('GET', `${path}?at=${wrong}`)).status, wrong).toBe(400);
  expect((await shop.api.get<Explanation>(`${path}/explain?at=${outOfSync}`)).sentence).toBe(created.sentence);

  const { items } = await shop.api.get<{ items: { id: number; phase: string; initiatedBy: { username: string } }[] }>(`${path}/history`);
  expect(items).toMatchObject([{ id: 0, phase: 'Succeeded', initiatedBy: { username: 'admin' } }]);
});

test('what is secret in a specification is not told by its past', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated({
    source: {
      repoURL: shop.repoUrl,
      path: 'manifests',
      targetRevision: 'HEAD',
      helm: { parameters: [{ name: 'password', value: 'canary-7' }], values: 'token: canary-7' },
    },
  });
  const path = `/api/v1/applications/${shop.name}`;
  const { head } = await eventually('the application is declared', async () => {
    const page = await shop.events({ from: 0, limit: 1 });
    return (await shop.api.call('GET', `${path}?at=${page.head}`)).status === 200 ? page : undefined;
  });
  for (const query of [`?at=${head}`, '/explain', '/history']) {
    const answer = await shop.api.call('GET', `${path}${query}`);
    expect(answer.status, query).toBe(200);
    expect(JSON.stringify(answer.body), query).not.toContain('canary-7');
  }
});
