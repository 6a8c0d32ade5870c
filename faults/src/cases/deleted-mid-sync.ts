import { randomUUID } from 'node:crypto';
import { parseApplicationStream, type RecordedEvent } from '@plumbline/contracts';
import { eventually } from '@plumbline/testing/scenario';
import { EventReader } from '../invariants/event-reader.ts';
import type { World } from '../world/world.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';

const waitMs = 60_000;
const application = (namespace: string, name: string) => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application', namespace, name });

export const deletedMidSyncCase: FaultCase = {
  id: 'deleted-mid-sync',
  rows: ['F44'],
  title: 'an Application deleted with its objects while the writes of its first sync are on their way',
  expected: 'it goes, with every object that it brought, also those whose write landed after the deletion; its operation does not go on',
  boundMs: 90_000,
  async inject(context) {
    // The writes that are held are those of everybody.
    await context.load.stop();
    for (let done = 0; done < Math.min(context.scale, 2); done++) await deleteInSync(context);
  },
};

async function deleteInSync({ world, load, injected, verify }: FaultContext): Promise<void> {
  const { demo, repoUrl, api } = load.stage;
  const name = `short-lived-${randomUUID().slice(0, 8)}`;
  const namespace = `faults-${name}`;
  const base = demo.applicationOf(demo.names[0]!, repoUrl);
  const body = { metadata: { name, namespace: 'argocd' }, spec: { ...base.spec, destination: { ...base.spec.destination, namespace } } };
  const { position } = await world.log.head();
  try {
    world.proxy.setTrouble({ holdsWrites: true });
    const created = await api.call('POST', '/api/v1/applications', { body });
    verify('the Application is created', created.status === 200, JSON.stringify(created.body));
    await eventually('a write on its way', async () => (world.proxy.held > 0 ? true : undefined), waitMs);
    const deleted = await api.call('DELETE', `/api/v1/applications/${name}?cascade=true`);
    verify('its deletion is accepted', deleted.status === 200, JSON.stringify(deleted.body));
    injected('Application deleted in the middle of its sync');
  } finally {
    world.proxy.setTrouble({});
    world.proxy.releaseHeld();
    // Held on purpose, by an owner that is still the owner: nothing landed late.
    world.proxy.takeCounts();
  }
  const isGone = await eventually(
    'it is gone',
    async () => ((await world.kube.get(application('argocd', name))) === undefined ? true : undefined),
    waitMs,
  ).catch(() => false);
  verify('the Application goes', isGone);
  const isForgotten = await eventually(
    'its stream ends',
    async () => (endsDeleted(await new EventReader(world.log, position).all(), name) ? true : undefined),
    waitMs,
  ).catch(() => false);
  verify('the log says so, and nothing of it after that', isForgotten);
  const left = await objectsIn(world, namespace);
  verify('nothing of it is left', left.length === 0, left.join(', '));
  await world.kube.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
}

/** ConfigMaps and Secrets; what every namespace has by itself aside. */
async function objectsIn({ kube }: World, namespace: string): Promise<string[]> {
  const lists = await Promise.all(['ConfigMap', 'Secret'].map((kind) => kube.list({ group: '', version: 'v1', kind }, { namespace })));
  return lists.flatMap(({ items }) => items.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).filter((text) => !text.endsWith('kube-root-ca.crt'));
}

function endsDeleted(events: readonly RecordedEvent[], name: string): boolean {
  return events.findLast(({ stream }) => parseApplicationStream(stream)?.name === name)?.type === 'ApplicationDeleted';
}
