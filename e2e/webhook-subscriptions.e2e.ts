import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@plumbline/testing/scenario';
import { afterEach, expect, test } from 'vitest';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();
const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

interface Heard {
  signature: string;
  body: string;
}

/** On this machine; the first delivery fails. */
async function receiver(): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  let tries = 0;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (tries++ > 0) heard.push({ signature: String(request.headers['plumbline-signature']), body });
      response.writeHead(tries === 1 ? 503 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ended.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, heard };
}

const settings = (data?: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'argocd-cm', namespace: 'argocd', labels: { 'app.kubernetes.io/part-of': 'argocd' } },
  ...(data === undefined ? {} : { data }),
});
const manifest = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: greeting\ndata:\n  text: ${value}\n`;

test('a push is told to a webhook, signed, in order, and not before its address is allowed', async () => {
  const shop = await begin();
  const { url, heard } = await receiver();
  const subscription = { name: shop.name, url, filter: { application: [shop.name], category: ['application'] } };
  const make = () => shop.api.call('POST', '/api/v1/subscriptions', { body: subscription });
  expect(await make()).toMatchObject({ status: 400, body: { message: expect.stringMatching(/^url: events may not be sent to this url: /) } });

  const manager = { fieldManager: `test-${shop.name}` };
  await shop.kube.apply(settings({ 'plumbline.subscriptions.allowedNetworks': '127.0.0.0/8', 'plumbline.subscriptions.allowHttp': 'true' }), manager);
  ended.push(async () => shop.kube.apply(settings(), manager));
  const made = await eventually('the settings count', async (note) => {
    const answer = await make();
    note(answer.body);
    return answer.status === 201 ? (answer.body as { secret: string }) : undefined;
  });
  ended.push(async () => shop.api.call('DELETE', `/api/v1/subscriptions/${shop.name}`));

  await shop.givenRepository({ 'manifests/greeting.yaml': manifest('hello') });
  await shop.whenApplicationIsCreated({ syncPolicy: { automated: {}, syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  await shop.whenPushed({ 'manifests/greeting.yaml': manifest('goodbye') });

  const listed = JSON.stringify(await shop.api.get('/api/v1/subscriptions'));
  expect(listed).toContain(shop.name);
  expect(listed).not.toContain(made.secret);
  const events = await eventually('both syncs are told', async (note) => {
    const sent = heard.map((each) => JSON.parse(each.body) as { id: string; type: string; position: string; subject: string; specversion: string });
    note(sent.map((each) => each.type));
    return sent.filter((each) => each.type === 'dev.plumbline.SyncSucceeded').length >= 2 ? sent : undefined;
  });
  const key = Buffer.from(made.secret.slice('whsec_'.length), 'base64');
  for (const { signature, body } of heard) {
    const [, time, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature)!;
    expect(mac).toBe(createHmac('sha256', key).update(`${time}.${body}`).digest('hex'));
  }
  expect(events.every((each) => each.specversion === '1.0' && each.subject.startsWith(`application-argocd/${shop.name}/`))).toBe(true);
  // One stream, so one order; what was sent twice was sent again right after itself.
  const positions = events.map((each) => Number(each.position)).filter((position, index, all) => position !== all[index - 1]);
  expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  const told = new Set(events.map((each) => each.id));
  const stream = (await shop.ownEvents()).filter((each) => each.stream === events[0]!.subject && each.position <= positions.at(-1)!);
  expect(stream.filter((each) => !told.has(each.id)).map((each) => each.type)).toEqual([]);
});
