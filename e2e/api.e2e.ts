import { createHmac } from 'node:crypto';
import type { Application } from '@plumbline/contracts';
import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

test('without a token 401, with a wrong password 401; health needs none', async () => {
  const { api } = await begin();
  for (const path of ['/api/v1/applications', '/api/v1/events', '/api/v1/projects'])
    expect((await api.call('GET', path, { token: '' })).status, path).toBe(401);
  expect((await api.call('GET', '/api/v1/applications', { token: 'Bearer x.y.z' })).status).toBe(401);
  expect((await api.call('POST', '/api/v1/session', { body: { username: 'admin', password: 'wrong' }, token: '' })).status).toBe(401);
  expect((await api.call('GET', '/healthz', { token: '' })).status).toBe(200);
  expect((await api.call('GET', '/readyz', { token: '' })).status).toBe(200);
});

test('a sync by hand: list, get, sync, manifests and resource tree', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated({ syncPolicy: { syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'OutOfSync', health: 'Missing' });
  await shop.thenNoObject('Deployment', 'nginx-demo');

  const list = await shop.api.get<{ items: Application[] }>('/api/v1/applications');
  expect(list.items.map((application) => application.metadata.name)).toContain(shop.name);
  // api has a read model of its own, which may come a moment after what the cluster shows.
  await eventually('api says the same', async (note) => {
    const { status } = await shop.api.get<Application>(`/api/v1/applications/${shop.name}`);
    note(status);
    return (status as { sync?: { status: string } } | undefined)?.sync?.status === 'OutOfSync' ? true : undefined;
  });

  const synced = await shop.api.call('POST', `/api/v1/applications/${shop.name}/sync`, { body: { prune: false } });
  expect(synced.status).toBe(200);
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy', phase: 'Succeeded' });
  expect((await shop.status()).operationState?.operation.initiatedBy).toMatchObject({ username: 'admin' });
  expect((await shop.application())?.operation).toBeUndefined();
  await shop.thenEvent('CommandAccepted');
  await shop.thenEvent('CommandDone');

  const { manifests } = await shop.api.get<{ manifests: string[] }>(`/api/v1/applications/${shop.name}/manifests`);
  expect(manifests.map((manifest) => (JSON.parse(manifest) as { kind: string }).kind).sort()).toEqual(['Deployment', 'Service']);
  await eventually('the tree shows Deployment, ReplicaSet and Pod', async (note) => {
    const { nodes } = await shop.api.get<{ nodes: { kind: string; parentRefs?: { kind: string }[] }[] }>(`/api/v1/applications/${shop.name}/resource-tree`);
    note(nodes.map((node) => node.kind));
    const parentOf = (kind: string) => nodes.find((node) => node.kind === kind)?.parentRefs?.[0]?.kind;
    return parentOf('Pod') === 'ReplicaSet' && parentOf('ReplicaSet') === 'Deployment' ? true : undefined;
  });
});

test('kubectl can set the operation, too', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated({ syncPolicy: { syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'OutOfSync' });
  await shop.whenApplicationIsPatched({ operation: { sync: {}, initiatedBy: { username: 'me' } } });
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
});

test('the log by page: dense, in order, with a head', async () => {
  const shop = await begin();
  const first = await shop.events({ from: 0, limit: 10 });
  expect(first.events.map((event) => event.position)).toEqual(first.events.map((_, index) => index + 1));
  expect(first.head).toBeGreaterThanOrEqual(10);
  for (const query of ['after=-1', 'after=x', 'limit=1001', 'limit=0', 'colour=red'])
    expect((await shop.api.call('GET', `/api/v1/events?${query}`)).status, query).toBe(400);
  const { head } = first;
  const atHead = await shop.api.get<{ events: unknown[] }>(`/api/v1/events?after=${head + 1_000_000}&limit=5`);
  expect(atHead.events).toEqual([]);
});

test('webhooks: forged and malformed ones are refused', async () => {
  const { api } = await begin();
  const body = JSON.stringify({
    ref: 'refs/heads/main',
    after: 'a'.repeat(40),
    repository: { html_url: 'http://example.org/x', clone_url: 'http://example.org/x.git' },
  });
  const post = (headers: Record<string, string>, text = body) => api.call('POST', '/api/webhook', { body: text, token: '', headers });
  const signed = (secret: string) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  expect((await post({})).status).toBe(400);
  expect([400, 401, 403]).toContain((await post({ 'x-github-event': 'push' })).status);
  expect([400, 401, 403]).toContain((await post({ 'x-github-event': 'push', 'x-hub-signature-256': signed('wrong') })).status);
  expect([400, 401, 403]).toContain((await post({ 'x-github-event': 'push', 'x-hub-signature-256': signed('wrong') }, '{')).status);
});
