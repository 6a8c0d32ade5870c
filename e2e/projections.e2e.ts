import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { nginx } from './src/manifests.ts';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

interface Item {
  name: string;
  service: string;
  isProjection: boolean;
  lag: number;
  parked: number;
  run?: { kind: string; state: string; message: string; startedAt: string };
}

const projections = [
  'api.access',
  'api.application-status',
  'api.chronicle',
  'rbac.declarations',
  'repo-watcher.snapshots',
  'repo-watcher.wanted-refs',
  'syncer.applications',
  'syncer.world',
];

test('every projection is what the log makes of it, and goes on after a rebuild under everybody’s eyes', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/web.yaml': nginx() });
  await shop.whenApplicationIsCreated({ syncPolicy: { automated: {}, syncOptions: ['CreateNamespace=true'] } });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });

  const list = async (): Promise<Item[]> => (await shop.api.get<{ items: Item[] }>('/api/v1/consumers')).items;
  const items = await eventually('all services answer', async (note) => {
    const found = await list();
    note(found.map((item) => item.name));
    return projections.every((name) => found.some((item) => item.name === name)) ? found : undefined;
  });
  expect(items.filter((item) => item.isProjection).map((item) => item.name)).toEqual(projections);
  expect(items.every((item) => item.name.startsWith(`${item.service}.`) && item.parked === 0)).toBe(true);

  for (const action of ['compare', 'rebuild', 'compare']) {
    for (const name of projections) {
      const before = (await list()).find((item) => item.name === name)?.run?.startedAt;
      const asked = await shop.api.call('POST', `/api/v1/consumers/${name}/${action}`, { body: {} });
      expect(asked.status, JSON.stringify(asked.body)).toBe(202);
      const done = await eventually(`${action} of ${name} is done`, async (note) => {
        const item = (await list()).find((each) => each.name === name);
        note(item);
        return item?.run !== undefined && item.run.startedAt !== before && item.run.state !== 'running' ? item : undefined;
      });
      expect(done, name).toMatchObject({ parked: 0, run: { kind: action, state: 'done' } });
      if (action === 'compare') expect(done.run?.message, name).toMatch(/no difference$/);
    }
  }

  await shop.whenPushed({ 'manifests/web.yaml': nginx({ replicas: 3 }) });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
});
