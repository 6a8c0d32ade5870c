import { makePostgresLeases, type EventLog } from '@plumbline/event-log';
import { sqlOf, startService, type StartedService } from '@plumbline/platform';
import { makeInstallation, type Installation } from '@plumbline/testing/installation';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { syncer } from '../service.ts';

const soon = { timeout: 20_000, interval: 20 };
let installation: Installation;
let service: StartedService;

beforeAll(async () => {
  installation = await makeInstallation();
  service = await startService(syncer, installation.env);
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(200), soon);
});
afterAll(async () => {
  await service?.stop();
  await installation?.remove();
});

const declare = (targetRevision: string): Promise<unknown> =>
  installation.kube.apply(
    {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name: 'web', namespace: installation.namespace },
      spec: {
        project: 'default',
        source: { repoURL: 'https://git.invalid/web.git', path: '.', targetRevision },
        destination: { server: 'https://kubernetes.default.svc', namespace: 'default' },
      },
    },
    { fieldManager: 'test' },
  );

async function written(log: EventLog): Promise<number> {
  const { events } = await log.readFeed({ after: 0, limit: 1_000 });
  return events.filter((event) => event.stream.startsWith('application-')).length;
}

it('appends nothing more to applications once another instance owns the cluster, and ends', async () => {
  const { eventLog, database } = service.context;
  await declare('one');
  await vi.waitFor(async () => expect(await written(eventLog)).toBeGreaterThan(0), soon);

  // The shell would end the process; here it is the test's own.
  let isEnding = false;
  process.once('SIGTERM', () => (isEnding = true));
  const sql = sqlOf(database);
  await sql.query("update log.lease set expires_at = now() - interval '1 second'");
  expect(await makePostgresLeases(sql).claim('syncer/in-cluster', 'another', { lifeMs: 600_000 })).toEqual({ epoch: 2 });
  const before = await written(eventLog);

  await declare('two');
  await vi.waitFor(() => expect(isEnding).toBe(true), soon);
  await declare('three');
  await vi.waitFor(async () => expect((await fetch(`${service.url}/readyz`)).status).toBe(503), soon);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await written(eventLog)).toBe(before);
});
