import { benchLog } from './log/log.ts';
import { benchSubscribers } from './log/subscribers.ts';
import { onPlatform } from './platform.ts';
import { benchSync } from './sync/sync.ts';

/** Of each figure of the subscribers; `subscribers 600` for the memory over ten minutes. */
const subscribersSeconds = 20;

/**
 * `npm run bench -- <name>`: measures a running platform, or one that it starts and stops, or a part by itself. Prints JSON lines, the
 * machine's calibration first. Never part of a test: a figure is worth what the machine was doing besides.
 */
const benches: Readonly<Record<string, (argument: string | undefined, size: string | undefined) => Promise<void>>> = {
  /** From Git to the cluster: `sync push`, `sync fleet` …, or all of them. */
  sync: benchSync,
  /** The log alone on servers of its own, then its subscribers at the door. */
  log: async () => {
    await benchLog();
    await onPlatform((platform) => benchSubscribers(platform, subscribersSeconds));
  },
  subscribers: async (argument) => {
    const seconds = Number(argument ?? subscribersSeconds);
    if (!(seconds >= 1)) throw new Error(`subscribers: expected the seconds of each figure, at least 1, got ${argument}`);
    await onPlatform((platform) => benchSubscribers(platform, seconds));
  },
};

const [name = '', argument, size] = process.argv.slice(2);
const bench = benches[name];
if (bench !== undefined) await bench(argument, size);
else {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join(' | ')}`);
  process.exitCode = 2;
}
