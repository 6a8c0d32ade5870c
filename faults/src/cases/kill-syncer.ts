import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultContext } from './fault-case.ts';

/** How long it is looked at after syncer is back: whoever began something again would have done so by then. */
export const lookedAtMs = 2_000;

/** Kills syncer as often as the scale says, at random moments, each time when it is ready again. */
export async function killSyncer({ world, random, scale, injected }: FaultContext): Promise<void> {
  const syncer = world.services.get('syncer')!;
  for (let done = 0; done < scale; done++) {
    await sleep(random.int(0, 300));
    syncer.signal('SIGKILL');
    injected('SIGKILL syncer');
    await sleep(random.int(200, 1_000));
    await syncer.whenReady();
  }
  await sleep(lookedAtMs);
}
