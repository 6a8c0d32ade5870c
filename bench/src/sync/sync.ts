import type { RunningPlatform } from '../platform.ts';
import { onBenchPlatform } from './bench-platform.ts';
import { benchFleet } from './fleet.ts';
import { benchMonorepo } from './monorepo.ts';
import { benchPush } from './push.ts';
import { benchRestart } from './restart.ts';
import { benchSharedChange } from './one-change.ts';
import { benchWaves } from './waves.ts';

type Bench = (platform: RunningPlatform, size: number) => Promise<void>;

/** What `npm run bench -- sync <mode> [size]` knows, and how much of it is done without a size. */
const modes: Readonly<Record<string, { size: number; what: string; bench: Bench }>> = {
  push: { size: 30, what: 'pushes of each kind of source', bench: benchPush },
  fleet: { size: 200, what: 'applications of five objects, from nothing', bench: benchFleet },
  shared: { size: 1_000, what: 'applications that one commit changes', bench: benchSharedChange },
  monorepo: { size: 200, what: 'applications of which each push changes one', bench: benchMonorepo },
  waves: { size: 10, what: 'pushes through five waves', bench: benchWaves },
  restart: { size: 10_000, what: 'ConfigMaps in the cluster when syncer restarts', bench: benchRestart },
};

/** One mode, several (`push,waves`), or all of them one after the other, on one platform. */
export async function benchSync(mode: string | undefined, sizeText: string | undefined): Promise<void> {
  const chosen = mode === undefined ? Object.values(modes) : mode.split(',').map((name) => modes[name]);
  const size = sizeText === undefined ? undefined : Number(sizeText);
  if (chosen.includes(undefined) || (size !== undefined && !(Number.isInteger(size) && size >= 1))) {
    const known = Object.entries(modes).map(([name, { what, size: usual }]) => `  sync ${name} [${what}, ${usual}]`);
    throw new Error(`expected one of these, with a whole number or none:\n${known.join('\n')}`);
  }
  await onBenchPlatform(async (platform) => {
    for (const { bench, size: usual } of chosen as (typeof modes)[string][]) await bench(platform, size ?? usual);
  });
}
