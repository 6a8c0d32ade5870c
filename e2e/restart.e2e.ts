import { eventually } from '@plumbline/testing/scenario';
import { expect, test } from 'vitest';
import { configMap } from './src/manifests.ts';
import { servicesNow, useScenarios } from './src/platform.ts';

const begin = useScenarios();

const objects = 120;
const files = (value: string): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: objects }, (_, index) => [
      `manifests/c${index}.json`,
      configMap(`c${index}`, { value }, { 'argocd.argoproj.io/sync-wave': String(index % 4) }),
    ]),
  );

/** Kills the service with SIGKILL and waits until the supervisor has brought it back. */
async function kill(name: string): Promise<void> {
  const { pid } = servicesNow().find((service) => service.name === name)!;
  process.kill(pid!, 'SIGKILL');
  await eventually(`${name} is back`, async () => {
    const now = servicesNow().find((service) => service.name === name);
    return now?.pid !== null && now?.pid !== pid && now?.state === 'running' ? now : undefined;
  });
}

test.each(['syncer', 'renderer', 'repo-watcher', 'api', 'rbac'])('%s killed in the middle of a sync: the sync finishes', async (name) => {
  const shop = await begin();
  await shop.givenRepository(files('1'));
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });

  const commit = await shop.whenPushed(files('2'));
  // Syncer is met in the middle of its writes, the others wherever the push has come to.
  if (name === 'syncer') await shop.thenEvent('SyncRequested', (event) => JSON.stringify(event.data).includes(commit));
  await kill(name);
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded', revision: commit }, 60_000);
  for (let index = 0; index < objects; index += 17)
    await shop.thenObject('ConfigMap', `c${index}`, (object) => (object['data'] as { value: string }).value === '2');

  const events = await shop.ownEvents();
  const requested = events.filter((event) => event.type === 'SyncRequested' && JSON.stringify(event.data).includes(commit));
  // Once, memos that a crash had left older than the objects made a second operation of what was in sync.
  expect(requested.length, 'one operation for one commit').toBe(1);
  await shop.thenApplicationIs({ health: 'Healthy' });
});

// Nothing was left to decide after the restart, and the status stayed what it was.
test('syncer killed between the log and the status: the status follows', async () => {
  const shop = await begin();
  await shop.givenRepository({ 'manifests/c.json': configMap('c', { value: '1' }) });
  await shop.whenApplicationIsCreated();
  await shop.thenApplicationIs({ sync: 'Synced', phase: 'Succeeded' });
  // A status as somebody would find it whose write never came.
  const { pid } = servicesNow().find((service) => service.name === 'syncer')!;
  process.kill(pid!, 'SIGSTOP');
  await shop.whenApplicationIsPatched({ status: { sync: { status: 'OutOfSync', revision: 'stale' } } });
  process.kill(pid!, 'SIGKILL');
  await shop.thenApplicationIs({ sync: 'Synced', revision: await shop.git.head() }, 60_000);
});

test('the exit of a service is an event', async () => {
  const shop = await begin();
  const { head } = await shop.events({ from: 0, limit: 1 });
  await kill('renderer');
  await eventually('ServiceExited and ServiceStarted', async (note) => {
    const { events } = await shop.events({ from: head, limit: 1000 });
    note(events.map((event) => event.type));
    return events.some((event) => event.type === 'ServiceExited' && event.stream.startsWith('service-renderer')) &&
      events.some((event) => event.type === 'ServiceStarted')
      ? true
      : undefined;
  });
});
