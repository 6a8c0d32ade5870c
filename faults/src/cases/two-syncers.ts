import { join } from 'node:path';
import type { RecordedEvent } from '@plumbline/contracts';
import { freePort } from '@plumbline/testing';
import { eventually } from '@plumbline/testing/scenario';
import { pathsOf, urlOf } from '@plumbline/tools';
import { EventReader } from '../invariants/event-reader.ts';
import type { Load } from '../load/load.ts';
import { ServiceProcess } from '../world/service-process.ts';
import type { World } from '../world/world.ts';
import type { FaultCase } from './fault-case.ts';

const waitMs = 60_000;

/** A second replica of syncer, with a name, port and folder of its own. */
async function secondSyncer(world: World): Promise<ServiceProcess> {
  const command = world.commands.find(({ name }) => name === 'syncer')!;
  const port = await freePort();
  const paths = pathsOf(world.stateDir);
  return new ServiceProcess({
    ...command,
    env: { ...command.env, PLUMBLINE_INSTANCE: 'syncer-1', PLUMBLINE_HTTP_PORT: String(port), PLUMBLINE_DATA_DIR: join(paths.data, 'syncer-1') },
    logFile: paths.logOf('syncer-1'),
    urls: [urlOf(port)],
  });
}

const leaseOwner = async ({ database }: World): Promise<{ owner: string; epoch: number }> => {
  const { rows } = await database.query<{ owner: string; epoch: string }>(`select owner, epoch from log.lease where name = 'syncer/in-cluster'`);
  return { owner: rows[0]?.owner ?? '', epoch: Number(rows[0]?.epoch) };
};

export const twoSyncersCase: FaultCase = {
  id: 'two-syncers',
  rows: ['F17', 'F19'],
  title: 'syncer stopped (SIGSTOP) with writes on their way; a second one takes the cluster over; the writes land; the first continues',
  expected: 'the writes that landed late are detected, recorded and put right; the first appends nothing more and ends',
  boundMs: 60_000,
  async inject({ world, load, injected, verify }) {
    await load.stop();
    const first = world.services.get('syncer')!;
    const second = await secondSyncer(world);
    const before = await leaseOwner(world);
    const firstPid = first.pid;
    try {
      world.proxy.setTrouble({ holdsWrites: true });
      await load.pushAll();
      await eventually('a write on its way', async () => (world.proxy.held > 0 ? true : undefined), waitMs);
      first.signal('SIGSTOP');
      injected('SIGSTOP syncer with writes on their way');
      world.proxy.setTrouble({});
      second.start();
      await second.whenReady();
      const after = await leaseOwner(world);
      verify('the second owns the cluster in a new epoch', after.owner === 'syncer-1' && after.epoch > before.epoch, JSON.stringify(after));
      await load.pushAll();
      // All of them: a write that lands before the second has written something else changes nothing.
      await eventually('the second brings what was pushed', async () => ((await isAsPushed(world, load)) ? true : undefined), waitMs);
      const { position } = await world.log.head();
      world.proxy.releaseHeld();
      const late = await eventually('LateWriteDetected', () => findLateWrite(world, position), waitMs).catch(() => undefined);
      verify(
        'the late write is recorded in the stream of its application, with the epoch',
        (late?.data as { epoch?: number } | undefined)?.epoch === after.epoch,
      );
      first.signal('SIGCONT');
      injected('SIGCONT of the former owner');
      const isGone = await eventually('the former owner ends', async () => (first.pid === firstPid ? undefined : true), waitMs).catch(() => false);
      verify('the former owner ends by itself', isGone);
    } finally {
      for (const [kind, count] of world.proxy.takeCounts()) injected(kind, count);
      world.proxy.setTrouble({});
      first.signal('SIGCONT');
      await second.stop();
    }
  },
};

async function isAsPushed({ kube }: World, { stage: { demo } }: Load): Promise<boolean> {
  for (const name of demo.names) {
    const { items } = await kube.list({ group: '', version: 'v1', kind: 'ConfigMap' }, { namespace: demo.namespaceOf(name) });
    const values = new Map(items.map((object) => [object.metadata.name, (object['data'] as { value?: string } | undefined)?.value]));
    if ([...demo.wantedOf(name)].some(([configMap, value]) => values.get(configMap) !== value)) return false;
  }
  return true;
}

async function findLateWrite(world: World, after: number): Promise<RecordedEvent | undefined> {
  const events = await new EventReader(world.log, after).all();
  return events.find(({ type }) => type === 'LateWriteDetected');
}
