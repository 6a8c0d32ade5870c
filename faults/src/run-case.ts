import { AppError } from '@plumbline/contracts';
import type { RecordedEvent } from '@plumbline/contracts';
import type { CaseContext, FaultCase } from './cases/fault-case.ts';
import { converge } from './invariants/converge.ts';
import { invariants } from './invariants/invariants.ts';
import { limits } from './limits.ts';

export interface CaseResult {
  id: string;
  title: string;
  rows: readonly string[];
  expected: string;
  runs: number;
  faults: Readonly<Record<string, number>>;
  checked: readonly string[];
  violations: readonly string[];
  recoveryMs: number;
  boundMs: number;
  tookMs: number;
}

/** Load on, faults, load off, converge, look at everything. */
export async function runCase(fault: FaultCase, base: Omit<CaseContext, 'count' | 'violation' | 'checked'>): Promise<CaseResult> {
  const startedAt = performance.now();
  const faults: Record<string, number> = {};
  const violations: string[] = [];
  const checked: string[] = [];
  const context: CaseContext = {
    ...base,
    count: (kind, times = 1) => (faults[kind] = (faults[kind] ?? 0) + times),
    violation: (text) => violations.push(text),
    checked: (text) => checked.push(text),
  };
  let recoveryMs = 0;
  try {
    context.load.start();
    await fault.inject(context);
    const endedAt = performance.now();
    await context.load.stop();
    const { outstanding } = await converge(context, fault.boundMs);
    recoveryMs = Math.max(0, performance.now() - endedAt - limits.quietMs);
    violations.push(...outstanding.slice(0, limits.violationsShownMax).map((text) => `I9: after ${fault.boundMs} ms ${text}`));
    if (outstanding.length === 0) checked.push('I9');
    await fault.verify?.(context);
  } catch (error) {
    violations.push(AppError.from(error).message);
  } finally {
    await fault.restore?.(context).catch((error: unknown) => violations.push(`putting things back: ${AppError.from(error).message}`));
    await context.load.stop();
  }
  // After a case that broke off, or that did not come to rest, the invariants are still looked at in peace.
  if (!checked.includes('I9')) await converge(context, fault.boundMs);
  violations.push(...(await checkInvariants(context, checked)));
  const { id, title, rows, expected, boundMs } = fault;
  return { id, title, rows, expected, runs: base.runs, faults, checked, violations, recoveryMs, boundMs, tookMs: performance.now() - startedAt };
}

async function checkInvariants(context: CaseContext, checked: string[]): Promise<string[]> {
  const violations: string[] = [];
  const events = await readEvents(context);
  for (const { id, check } of invariants) {
    const found = await check(context, events).catch((error: unknown) => [AppError.from(error).message]);
    violations.push(...found.slice(0, limits.violationsShownMax).map((text) => `${id}: ${text}`));
    if (found.length === 0) checked.push(id);
  }
  return violations;
}

async function readEvents({ platform }: CaseContext): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for (;;) {
    const page = await platform.log.readFeed({ after: events.length, limit: 1_000 });
    events.push(...page.events);
    if (page.events.length === 0) return events;
  }
}
