import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

interface CloudEvent {
  id: string;
  type: string;
  subject: string;
  position: number;
  data: unknown;
}

interface Delivery {
  headers: IncomingHttpHeaders;
  body: string;
  event: CloudEvent;
}

/** A receiver that is out of order at first: the first two deliveries are refused. */
async function receive() {
  const heard: Delivery[] = [];
  let refusals = 2;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (refusals-- > 0) return response.writeHead(503).end();
      heard.push({ headers: request.headers, body, event: JSON.parse(body) as CloudEvent });
      return response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=t`, heard, stop: () => (server.closeAllConnections(), server.close()) };
}

test('a push is told to a receiver: signed, in order, also when it was away at first', async () => {
  const shop = await begin();
  const receiver = await receive();
  const settings = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'argocd', name: 'argocd-cm' };
  const allow = async (value: string | null) =>
    shop.kube.mergePatch(settings, { data: { 'plumbline.subscriptions.allowPrivateNetworks': value } }, { fieldManager: 'e2e' });
  const name = `e2e-${shop.name}`.slice(0, 60);
  const body = { name, url: receiver.url, filter: { application: [shop.name] } };
  try {
    const refused = await shop.api.call('POST', '/api/v1/subscriptions', { body });
    expect(refused, JSON.stringify(refused)).toMatchObject({ status: 400 });
    expect(JSON.stringify(refused.body)).toContain('https');

    await allow('true');
    const { secret } = await eventually('the subscription is made', async (note) => {
      const answer = await shop.api.call('POST', '/api/v1/subscriptions', { body });
      note(answer);
      return answer.status === 201 ? (answer.body as { secret: string }) : undefined;
    });
    await shop.givenRepository({ 'manifests/web.yaml': nginx() });
    await shop.whenApplicationIsCreated({ syncPolicy: { automated: {}, syncOptions: ['CreateNamespace=true'] } });
    await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
    await eventually('the receiver has heard that it is synced and healthy', async (note) => {
      note(receiver.heard.map(({ event }) => event.type));
      const types = receiver.heard.map(({ event }) => event.type);
      const isHealthy = receiver.heard.some(({ event }) => event.type === 'dev.plumbline.HealthChanged' && JSON.stringify(event.data).includes('Healthy'));
      return types.includes('dev.plumbline.SyncSucceeded') && isHealthy ? true : undefined;
    });

    const positions = receiver.heard.map(({ event }) => event.position);
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
    const { events } = await shop.api.get<{ events: { position: number }[] }>(`/api/v1/events?after=0&limit=1000&application=${shop.name}`);
    expect(positions).toEqual(events.map(({ position }) => position).slice(0, positions.length));
    for (const { headers, body: text, event } of receiver.heard) {
      const signed = `${event.id}.${headers['webhook-timestamp'] as string}.${text}`;
      const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);
    }
    const listed = JSON.stringify(await shop.api.get('/api/v1/subscriptions'));
    expect(listed).toContain(name);
    expect(listed).not.toContain(secret);
  } finally {
    await shop.api.call('DELETE', `/api/v1/subscriptions/${name}`);
    await allow(null);
    receiver.stop();
  }
});
