import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeObject } from '@plumbline/manifests';
import { Client } from 'pg';
import { applicationSpec } from '../load/workload.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** T19, F-15, F-42 and F-43: things that are there and can't be used. What is done to the log itself comes last. */
export const poisoned: readonly FaultCase[] = [
  {
    id: 't-19-poisoned-objects',
    title: 'Applications, projects and settings that make no sense',
    rows: ['T19'],
    expected: 'Each is named with a reason or refused by the API server; everything else goes on',
    boundMs: 60_000,
    runs: 1,
    inject: poisonObjects,
    restore: removePoison,
  },
  {
    id: 'f-42-poisoned-blobs',
    title: 'stored manifest sets changed in the database',
    rows: ['F-42', 'T18'],
    expected: 'The change is noticed; what was changed is never applied',
    boundMs: 90_000,
    runs: 1,
    inject: poisonBlobs,
    async verify(context) {
      for (let index = 0; index < 5; index++) {
        const maps = await context.platform.kube.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace: `load-${index}` });
        for (const { metadata, ...rest } of maps.items)
          if (JSON.stringify(rest).includes('poison'))
            context.violation(`F-42: ConfigMap load-${index}/${metadata.name} holds what was put into the blob store`);
      }
      context.checked('nothing applied');
    },
  },
  {
    id: 'f-15-poison-event',
    title: 'an event in the log that no consumer can apply',
    rows: ['F-15'],
    expected: 'Its stream is parked with the reason; all others go on',
    boundMs: 60_000,
    runs: 1,
    inject: appendPoison,
  },
  {
    id: 'f-43-projection-dropped',
    title: 'the rows of a projection are gone',
    rows: ['F-43'],
    expected: 'It is rebuilt from the log, the same',
    boundMs: 90_000,
    runs: 1,
    inject: emptyProjection,
  },
];

const control = { namespace: 'argocd' };
const declared = (kind: string, name: string, spec: unknown, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind,
  metadata: { name, ...control, annotations },
  spec,
});

function poisonedObjects(repoUrl: string): Record<string, KubeObject> {
  const spec = applicationSpec(0, repoUrl);
  const policy = (retry: unknown) => ({ ...spec, destination: { ...spec.destination, namespace: 'poison' }, syncPolicy: { automated: {}, retry } });
  return {
    'a duration that is none': declared('Application', 'poison-duration', policy({ limit: 3, backoff: { duration: 'soon', maxDuration: '-5x' } })),
    'a source that is null': declared('Application', 'poison-null', { project: 'default', source: null, destination: spec.destination }),
    'no destination': declared('Application', 'poison-nowhere', { project: 'default', source: spec.source, destination: {} }),
    'a path that leaves the repository': declared('Application', 'poison-path', { ...policy(undefined), source: { ...spec.source, path: '../../etc' } }),
    'a huge annotation': declared('Application', 'poison-annotation', policy(undefined), { 'example.org/big': 'x'.repeat(200_000) }),
    'sources of a wrong type': declared('Application', 'poison-types', { project: 7, sources: 'all', destination: spec.destination }),
    'patterns that are none': declared('AppProject', 'poison-project', {
      sourceRepos: ['[', '!!', '**['],
      destinations: [{ server: '(', namespace: '{' }],
      roles: [{ name: '', policies: ['p, x'] }],
    }),
  };
}

async function poisonObjects(context: CaseContext): Promise<void> {
  const { platform, load } = context;
  for (const [kind, object] of Object.entries(poisonedObjects(load.repoUrl))) {
    const outcome = await platform.kube.apply(object, { fieldManager: 'kubectl', fieldValidation: 'Ignore' }).then(
      () => 'taken',
      () => 'refused by the API server',
    );
    context.count(`${kind}: ${outcome}`);
  }
  const settings = {
    'application.resourceTrackingMethod': 'nonsense',
    'timeout.reconciliation': 'often',
    'resource.customizations': '{{{',
    'accounts.x': 'fly',
  };
  await platform.kube.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', ...control }, data: settings },
    {
      fieldManager: 'kubectl',
    },
  );
  context.count('settings of rubbish');
  await sleep(6_000);
  context.checked('the others went on');
}

async function removePoison({ platform, load }: CaseContext): Promise<void> {
  const others = { 'argocd-cm': { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm', ...control } } as KubeObject };
  for (const object of Object.values({ ...poisonedObjects(load.repoUrl), ...others })) {
    const [group, version] = object.apiVersion.includes('/') ? object.apiVersion.split('/') : ['', object.apiVersion];
    await platform.kube.delete({ group: group!, version: version!, kind: object.kind, name: object.metadata.name, ...control });
  }
}

async function poisonBlobs(context: CaseContext): Promise<void> {
  await sleep(2_000);
  // Uncompressed content in the place of every stored set, with a value that would be seen in the cluster.
  const set = JSON.stringify({
    sourceType: 'Directory',
    objects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c0' }, data: { value: 'poison' } }],
  });
  const changed = await asSuperuser(
    context,
    `update blobs.blob set encoding = 'raw', bytes = convert_to($1, 'UTF8'), size_bytes = octet_length($1), chunk_count = 1 where scope = 'manifests'`,
    [set],
  );
  context.count('manifest set changed', changed);
  // What is in memory only must be read again.
  context.platform.services.syncer.signal('SIGKILL');
  context.count('SIGKILL syncer');
  await sleep(1_000);
  await context.platform.services.syncer.whenReady();
  await sleep(3_000);
}

async function appendPoison(context: CaseContext): Promise<void> {
  const { platform } = context;
  const stream = `application-argocd/poison/${randomUUID()}`;
  const event = {
    id: randomUUID(),
    type: 'ApplicationCompared',
    data: { nothing: null },
    metadata: { actor: 'system:faults', service: 'faults', schemaVersion: 1 },
  };
  await platform.log.append([{ stream, events: [event] }]);
  context.count('event that makes no sense');
  const deadline = Date.now() + 30_000;
  for (;;) {
    const parked = await asSuperuser(context, `select 1 from api.parked_event where stream = $1`, [stream]);
    if (parked > 0) break;
    if (Date.now() > deadline) return context.violation('F-15: the event was not parked within 30 s');
    await sleep(200);
  }
  context.checked('parked with a reason');
}

async function emptyProjection(context: CaseContext): Promise<void> {
  const { platform } = context;
  context.count('row of a projection deleted', await asSuperuser(context, 'delete from api.application_status', []));
  await platform.services.api.whenReady();
  const answer = await platform.client.call('POST', '/api/v1/consumers/api.application-status/rebuild', { body: {} });
  if (answer.status !== 200 && answer.status !== 202) context.violation(`F-43: asked to rebuild, the api answered ${answer.status}`);
}

/** Rows that were changed or found. */
async function asSuperuser({ platform }: CaseContext, sql: string, parameters: unknown[]): Promise<number> {
  const client = new Client({ connectionString: platform.databaseUrl });
  await client.connect();
  try {
    return (await client.query(sql, parameters)).rowCount ?? 0;
  } finally {
    await client.end();
  }
}
