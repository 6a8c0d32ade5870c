import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultCase, FaultContext } from './cases/fault-case.ts';
import { waitForConvergence } from './invariants/convergence.ts';
import { checkInvariants, type CheckParts, type Findings } from './invariants/invariants.ts';
import { lateWritesAfter } from './invariants/promises.ts';
import type { Random } from './random.ts';

export interface RunResult {
  id: string;
  seed: number;
  /** Kind → count. */
  injected: ReadonlyMap<string, number>;
  /** What the case itself looked at. */
  verified: string[];
  problems: string[];
  /** From the end of the fault until all was as Git says; undefined: it did not come to that. */
  recoveredMs: number | undefined;
  tookMs: number;
  findings: Findings | undefined;
  /** Why it was not run. */
  skipped?: string;
}

export interface RunCaseParts extends CheckParts {
  random: Random;
  seed: number;
  scale: number;
  tell: (line: string) => void;
}

/** As the proxy counts it. */
const landedLate = 'write that landed late';
/** Beyond this part of the bound it is told what was waited for. */
const slowShare = 0.25;
/** How long the load runs before the fault begins. */
const warmUpMs = { min: 500, max: 2_000 };

/** Load, fault, end of the fault, end of the load, convergence, invariants. */
export async function runCase(faultCase: FaultCase, parts: RunCaseParts): Promise<RunResult> {
  const { world, load, reader, random, seed, scale, tell } = parts;
  const startedAt = performance.now();
  const injected = new Map<string, number>();
  const verified: string[] = [];
  const problems: string[] = [];
  const context: FaultContext = {
    world,
    load,
    random,
    scale,
    injected: (kind, count = 1) => void injected.set(kind, (injected.get(kind) ?? 0) + count),
    verify: (what, isTrue, detail) => {
      verified.push(what);
      if (!isTrue) problems.push(`${what}: no${detail === undefined ? '' : `: ${detail}`}`);
    },
    note: (text) => tell(`    ${text}`),
  };
  const skipped = await faultCase.skippedBecause?.(context);
  if (skipped !== undefined) return { id: faultCase.id, seed, injected, verified, problems, recoveredMs: 0, tookMs: 0, findings: undefined, skipped };
  const { position } = await world.log.head();
  load.start();
  try {
    await sleep(random.int(warmUpMs.min, warmUpMs.max));
    await faultCase.inject(context);
  } catch (error) {
    problems.push(`the fault could not be brought about: ${String(error)}`);
  }
  await load.stop();
  const { tookMs: recoveredMs, missing } = await waitForConvergence(world, load, faultCase.boundMs);
  if (recoveredMs !== undefined && recoveredMs > faultCase.boundMs * slowShare) context.note(`slow; the last to come: ${missing.slice(0, 4).join('; ')}`);
  if (recoveredMs === undefined) problems.push(`I9: not as it should be after ${faultCase.boundMs} ms: ${missing.slice(0, 8).join('; ')}`);
  let findings: Findings | undefined;
  try {
    await faultCase.check?.(context);
    findings = await checkInvariants(parts);
    problems.push(...findings.problems);
    const late = lateWritesAfter(await reader.all(), position);
    if (late > 0 && !injected.has('SIGKILL syncer') && !injected.has(landedLate)) problems.push(`I4: ${late} late writes are told, none was`);
  } catch (error) {
    problems.push(`the invariants could not be checked: ${String(error)}`);
  }
  return { id: faultCase.id, seed, injected, verified, problems, recoveredMs, tookMs: performance.now() - startedAt, findings };
}
