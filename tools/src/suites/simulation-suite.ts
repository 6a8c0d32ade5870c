import { join } from 'node:path';

import { checkoutRoot } from '../platform/paths.ts';
import { runCommand } from './command.ts';
import { honest, type Outcome } from './suite.ts';

/** No fresh seed begins after this; the fixed ones always run. */
const secondsMax = 30;

/** Seeds of the simulator: the fixed ones, fresh ones, and planted bugs that it has to find. */
export async function runSimulation(): Promise<Outcome> {
  const main = join(checkoutRoot, 'simulation/src/main.ts');
  const args = ['--conditions=@plumbline/source', '--disable-warning=ExperimentalWarning', main, '--ci', '--seconds', String(secondsMax)];
  const { code, output, stdout, durationMs } = await runCommand(process.execPath, args);
  const [, seeds = '0', failed = '0'] = /^(\d+) seeds, (\d+) failed/m.exec(stdout) ?? [];
  const missed = stdout.match(/^planted .* NOT FOUND/gm)?.length ?? 0;
  const counted = { passed: Number(seeds) - Number(failed), failed: Number(failed) + missed, skipped: 0, output };
  return honest({ ...counted, timings: [{ name: 'simulation', durationMs }] }, code);
}
