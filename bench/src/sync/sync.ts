import { onPlatform, type RunningPlatform } from '../platform.ts';
import { benchPush } from './push.ts';

type Bench = (platform: RunningPlatform, size: number) => Promise<void>;

/** What `npm run bench -- sync <mode> [size]` knows, and how much of it is done without a size. */
const modes: Readonly<Record<string, { size: number; what: string; bench: Bench }>> = {
  push: { size: 30, what: 'pushes of each kind of source', bench: benchPush },
};

/** One mode, or all of them one after the other, on one platform. */
export async function benchSync(mode: string | undefined, sizeText: string | undefined): Promise<void> {
  const chosen = mode === undefined ? Object.values(modes) : [modes[mode]];
  const size = sizeText === undefined ? undefined : Number(sizeText);
  if (chosen.includes(undefined) || (size !== undefined && !(Number.isInteger(size) && size >= 1))) {
    const known = Object.entries(modes).map(([name, { what, size: usual }]) => `  sync ${name} [${what}, ${usual}]`);
    throw new Error(`expected one of these, with a whole number or none:\n${known.join('\n')}`);
  }
  await onPlatform(async (platform) => {
    for (const { bench, size: usual } of chosen as (typeof modes)[string][]) await bench(platform, size ?? usual);
  });
}
