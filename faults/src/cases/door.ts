import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { request } from 'undici';
import type { FaultCase, FaultContext } from './fault-case.ts';

/** Several clients that send webhooks as fast as they are answered. */
async function flood({ world, injected }: FaultContext, forMs: number): Promise<{ statuses: ReadonlyMap<number, number>; slowestMs: number }> {
  const statuses = new Map<number, number>();
  const until = Date.now() + forMs;
  let slowestMs = 0;
  const bodies = [
    '',
    '{}',
    'null',
    '[]',
    '{"ref":7,"repository":null}',
    `{"ref":"refs/heads/main","repository":{"clone_url":"${world.git.url}/demo.git(.*)+"}}`,
    'x'.repeat(200_000),
  ];
  const client = async (index: number): Promise<void> => {
    for (let sent = index; Date.now() < until; sent++) {
      const body = bodies[sent % bodies.length]!;
      const signature = sent % 3 === 0 ? {} : { 'x-hub-signature-256': `sha256=${createHmac('sha256', 'guessed').update(body).digest('hex')}` };
      const startedAt = performance.now();
      const answer = await request(`${world.platform.api}/api/webhook`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-github-event': 'push', ...signature },
        body,
      }).catch(() => undefined);
      await answer?.body.dump();
      const status = answer?.statusCode ?? 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, index) => client(index)));
  injected(
    'forged webhook',
    [...statuses.values()].reduce((sum, count) => sum + count, 0),
  );
  return { statuses, slowestMs };
}

export const doorCases: readonly FaultCase[] = [
  {
    id: 'webhook-flood',
    rows: ['F34'],
    title: 'forged and malformed webhooks by sixteen clients for 8 s, beside the real ones',
    expected: 'each is refused; nothing of it gets into the log; what is pushed is synced all the same',
    boundMs: 60_000,
    async inject(context) {
      const { world, verify } = context;
      const { position } = await world.log.head();
      const { statuses } = await flood(context, 8_000);
      const accepted = [...statuses].filter(([status]) => status !== 0 && (status < 400 || status >= 500));
      verify('every forged webhook is refused with 4xx', accepted.length === 0, JSON.stringify(accepted));
      const { events } = await world.log.readFeed({ after: position, limit: 1_000 });
      verify(
        'refused webhooks are no events',
        events.every(({ type }) => !/webhook/i.test(type)),
      );
    },
  },
  {
    id: 'api-killed-in-write',
    rows: ['F04'],
    title: 'api killed (SIGKILL) at a random moment while a create is on its way; the client sends it again',
    expected: 'one Application, whatever was answered; each command that was accepted is told',
    boundMs: 60_000,
    async inject({ world, load, random, scale, injected, verify }) {
      const service = world.services.get('api')!;
      const { demo, repoUrl, api } = load.stage;
      const { syncPolicy: _, ...spec } = demo.applicationOf(demo.names[0]!, repoUrl).spec;
      for (let done = 0; done < 2 * scale; done++) {
        await service.whenReady();
        const name = `once-${done}-${randomUUID().slice(0, 8)}`;
        const body = { metadata: { name, namespace: 'argocd' }, spec };
        const sending = api.call('POST', '/api/v1/applications', { body }).catch((error: unknown) => {
          if (AppError.is(error)) return undefined;
          throw error;
        });
        await sleep(random.int(0, 60));
        service.signal('SIGKILL');
        injected('SIGKILL api while it writes');
        await sending;
        await service.whenReady();
        let status = 0;
        // Until the restarted one knows what there is.
        for (let tries = 0; status !== 200 && tries < 50; tries++) {
          status = await api.call('POST', '/api/v1/applications', { body }).then(
            (answer) => answer.status,
            () => 0,
          );
          if (status !== 200) await sleep(200);
        }
        verify('sent again, the create answers 200', status === 200, `${name}: ${status}`);
        const { items } = await world.kube.list({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' }, { namespace: 'argocd' });
        verify('there is one such Application', items.filter(({ metadata }) => metadata.name === name).length === 1, name);
      }
    },
  },
];
