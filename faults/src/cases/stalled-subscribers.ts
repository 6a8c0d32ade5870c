import { eventually } from '@plumbline/testing/scenario';
import { StalledSubscriber } from '../load/stalled-subscriber.ts';
import type { FaultCase } from './fault-case.ts';

/** More than a window of HTTP/2: what is beyond it waits for the client. */
const windowBytes = 64 * 1024;
/** api is patient for 30 s; the rest is for a machine that does other things. */
const cutMs = 60_000;

export const stalledSubscribersCase: FaultCase = {
  id: 'stalled-subscribers',
  rows: ['F14'],
  title: 'subscribers that ask for everything over gRPC and take nothing of it, under load',
  expected: 'each is cut after 30 s and its place is free again; nobody else waits for them',
  boundMs: 60_000,
  async inject({ world, load, scale, injected, verify }) {
    // The log of a run that has just begun may fit into one window: then nothing would stall.
    await eventually('a log that is longer than a window', async () => ((await sizeOf(world)) > 2 * windowBytes ? true : undefined), cutMs);
    const token = await load.session();
    const stalled = await Promise.all(Array.from({ length: 3 * scale }, () => StalledSubscriber.begin(world.grpcUrl, token)));
    injected('subscriber that takes nothing', stalled.length);
    try {
      const before = (await world.log.head()).position;
      const arrived = eventually(
        'the others get what comes',
        async () => (load.subscribers.every(({ position }) => position > before + 10) ? true : undefined),
        cutMs,
      );
      verify('the others are told new events meanwhile', await arrived.catch(() => false));
      verify('none is cut while it may still be slow', !stalled.some(({ isCut, cutAfterMs = 0 }) => isCut && cutAfterMs < 20_000));
      const cut = await eventually('all are cut', async () => (stalled.every(({ isCut }) => isCut) ? true : undefined), cutMs).catch(() => false);
      verify('each is cut, told to slow down', cut, `${stalled.filter(({ isCut }) => isCut).length} of ${stalled.length}`);
    } finally {
      for (const each of stalled) each.leave();
    }
  },
};

async function sizeOf({ database }: Parameters<FaultCase['inject']>[0]['world']): Promise<number> {
  const { rows } = await database.query<{ bytes: string }>('select coalesce(sum(octet_length(data::text)), 0) as bytes from log.event');
  return Number(rows[0]!.bytes);
}
