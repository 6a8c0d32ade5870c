import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, type Application, type ApplicationStatus } from '@plumbline/contracts';
import { eventually } from '@plumbline/testing/scenario';
import type { World } from '../world/world.ts';
import type { FaultCase } from './fault-case.ts';

const applicationRef = (name: string) => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace: 'argocd', name });

/** Applications as nobody should write them. `isTold`: something is wrong with them that they have to say. */
function poisonedApplications(repoURL: string): { name: string; isTold: boolean; metadata?: object; spec: unknown }[] {
  const good = {
    project: 'default',
    source: { repoURL, path: 'app-0', targetRevision: 'main' },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'poison' },
  };
  const retry = { limit: 'many', backoff: { duration: 'banana', factor: -1, maxDuration: '1e999y' } };
  return [
    { name: 'poison-duration', isTold: false, spec: { ...good, syncPolicy: { automated: {}, retry, syncOptions: [null, 7, 'Prune=maybe'] } } },
    { name: 'poison-nil', isTold: true, spec: { ...good, source: null, destination: {} } },
    { name: 'poison-sources', isTold: true, spec: { ...good, source: undefined, sources: [null, {}, { repoURL: '' }] } },
    {
      name: 'poison-types',
      isTold: false,
      spec: { ...good, ignoreDifferences: [{ kind: 'ConfigMap', jsonPointers: ['no pointer', '/~9'] }], info: 'text', revisionHistoryLimit: -3 },
    },
    {
      name: 'poison-helm',
      isTold: true,
      spec: { ...good, source: { ...good.source, path: 'nowhere', helm: { values: '{{{', parameters: [{ name: '__proto__', value: '[[[' }] } } },
    },
    { name: 'poison-url', isTold: true, spec: { ...good, source: { ...good.source, repoURL: 'ext::sh -c "exit 1"', targetRevision: '--upload-pack=x' } } },
    { name: 'poison-project', isTold: true, spec: { ...good, project: 'poison' } },
    {
      name: 'poison-annotation',
      isTold: false,
      metadata: { annotations: { huge: 'x'.repeat(200_000), 'argocd.argoproj.io/refresh': 'sideways' } },
      spec: good,
    },
    { name: 'poison-destination', isTold: true, spec: { ...good, destination: { server: 'https://[::bad', name: 'both', namespace: '*' } } },
  ];
}

const poisonedProject = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'AppProject',
  metadata: { name: 'poison', namespace: 'argocd' },
  spec: {
    sourceRepos: ['!', '[', '((((((((((a*)*)*)*)*)*)*)*', '**!**'],
    destinations: [{ server: '[', namespace: '!(' }, {}],
    namespaceResourceBlacklist: [{ group: '[', kind: '' }],
    roles: [{ name: 'r', policies: ['rubbish', 'p, , , , ,', 'p, proj:poison:r, applications, *, [, allow'] }],
    syncWindows: [{ kind: 'deny', schedule: 'not cron', duration: 'forever', applications: ['['] }],
  },
};

/** Rubbish in the settings that people edit by hand; answers how they are put back. */
async function spoilSettings({ kube }: World): Promise<() => Promise<void>> {
  const spoiled: [name: string, data: Record<string, string>][] = [
    [
      'argocd-cm',
      {
        'resource.exclusions': '][',
        'timeout.reconciliation': 'soon',
        'resource.customizations': '{{{{',
        'accounts.': 'x',
        'accounts.bob': 'apiKey, fly',
        'application.instanceLabelKey': '\u0007',
      },
    ],
    ['argocd-rbac-cm', { 'policy.csv': 'p, , , \ng, g, g, g, g\n"', 'policy.matchMode': 'vibes', scopes: '[[[' }],
  ];
  const refOf = (name: string) => ({ group: '', version: 'v1', kind: 'ConfigMap', namespace: 'argocd', name });
  for (const [name, data] of spoiled) await kube.mergePatch(refOf(name), { data }, { fieldManager: 'kubectl-edit' });
  return async () => {
    for (const [name, data] of spoiled) {
      await kube.mergePatch(refOf(name), { data: Object.fromEntries(Object.keys(data).map((key) => [key, null])) }, { fieldManager: 'kubectl-edit' });
    }
  };
}

/** The log takes what a writer of ours would never write: its shape is the consumers' matter. */
async function appendWhatCannotBeApplied({ log }: World): Promise<string> {
  const stream = `application-argocd/poison-event/${randomUUID()}`;
  const metadata = { actor: 'system:faults', service: 'syncer', schemaVersion: 1 };
  await log.append([
    {
      stream,
      events: [
        { id: randomUUID(), type: 'ApplicationDeclared', data: { namespace: 'argocd', name: 'poison-event', uid: 'x', project: null, spec: null }, metadata },
        { id: randomUUID(), type: 'ApplicationCompared', data: { resources: 7, conditions: { not: 'a list' } }, metadata },
      ],
    },
  ]);
  return stream;
}

export const poisonedObjectsCase: FaultCase = {
  id: 'poisoned-objects',
  rows: ['T19', 'F15'],
  title: 'Applications, an AppProject, settings and an event that make no sense',
  expected: 'each says what is wrong, or is set aside with a reason; all others go on; no service ends',
  boundMs: 60_000,
  async inject({ world, load, injected, verify }) {
    const exits = (): number => [...world.services.values()].reduce((sum, { ownExits }) => sum + ownExits, 0);
    const before = exits();
    const made: { name: string; isTold: boolean }[] = [];
    const restore = await spoilSettings(world);
    injected('settings spoiled', 2);
    const objects = [
      poisonedProject,
      ...poisonedApplications(load.stage.repoUrl).map(({ name, metadata, spec }) => ({
        ...applicationObject(name),
        metadata: { name, namespace: 'argocd', ...metadata },
        spec,
      })),
    ];
    for (const object of objects) {
      try {
        await world.kube.create(object, { fieldManager: 'kubectl' });
        injected(`poisoned ${object.kind}`);
        const isTold = poisonedApplications('').find(({ name }) => name === object.metadata.name)?.isTold;
        if (isTold !== undefined) made.push({ name: object.metadata.name, isTold });
      } catch (error) {
        if (!AppError.is(error)) throw error;
        injected(`poisoned ${object.kind} refused by the API server`);
      }
    }
    const stream = await appendWhatCannotBeApplied(world);
    injected('event that cannot be applied', 2);
    const silent = await eventually(
      'the poisoned ones say what is wrong',
      async (note) => {
        const quiet = await quietOnes(world, made);
        note(quiet);
        return quiet.length === 0 ? quiet : undefined;
      },
      45_000,
    ).catch(() => quietOnes(world, made));
    verify('each poisoned Application says what is wrong', silent.length === 0, silent.join(', '));
    const reasons = await eventually('the event is set aside', () => parkedWith(world, stream), 45_000).catch(() => []);
    verify('the event that cannot be applied is set aside with a reason', reasons.length > 0 && reasons.every((reason) => reason !== ''));
    await restore();
    for (const { name } of made) await world.kube.delete(applicationRef(name));
    await world.kube.delete({ ...applicationRef('poison'), kind: 'AppProject' });
    // Born again it meets the event that cannot be applied.
    for (const name of ['syncer', 'api'] as const) world.services.get(name)!.signal('SIGKILL');
    await sleep(1_000);
    verify('no service ended by itself', exits() === before, `${exits() - before} did`);
  },
};

const applicationObject = (name: string) => ({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name, namespace: 'argocd' } });

/** Those that should say something and have neither a condition nor a message yet. */
async function quietOnes(world: World, made: readonly { name: string; isTold: boolean }[]): Promise<string[]> {
  const quiet: string[] = [];
  for (const { name, isTold } of made) {
    const application = (await world.kube.get(applicationRef(name))) as Application | undefined;
    const { conditions = [] } = (application?.status ?? {}) as Partial<ApplicationStatus>;
    if (isTold && conditions.length === 0) quiet.push(name);
  }
  return quiet;
}

/** Why consumers have set the stream aside; undefined: none has. */
async function parkedWith({ database }: World, stream: string): Promise<string[] | undefined> {
  const { rows } = await database.query<{ error: string }>(
    'select error from api.parked_event where stream = $1 union all select error from syncer.parked_event where stream = $1',
    [stream],
  );
  return rows.length === 0 ? undefined : rows.map(({ error }) => error);
}
