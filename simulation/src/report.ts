import { faultKinds } from './faults.ts';

/** What a worker says of one seed. */
export interface Outcome {
  seed: number;
  trace: string;
  steps: number;
  simulatedMs: number;
  faults: Readonly<Record<string, number>>;
  finding?: { invariant: string; message: string; lines: readonly string[] };
}

/** What a worker says of a bug that it planted. */
export interface Planted {
  planted: string;
  isFound: boolean;
  /** What the seeds found instead. */
  seen: readonly string[];
}

export const describePlanted = ({ planted, isFound, seen }: Planted): string =>
  `planted ${planted}: ${isFound ? 'found' : `NOT FOUND, the seeds saw ${seen.join(', ')}`}`;

const linesShown = 30;

/** In so many seeds every kind of fault should have happened; one that never did tests nothing. */
const seedsForEveryKind = 20;

export function describeFailure({ seed, steps, finding }: Outcome): string[] {
  if (finding === undefined) return [];
  return [
    `SEED ${seed} FAILED at step ${steps}: ${finding.invariant}`,
    `  ${finding.message}`,
    `  the last steps:`,
    ...finding.lines.slice(-linesShown).map((line) => `    ${line}`),
    `  replay: npm run sim -- --seed ${seed} --trace`,
  ];
}

/** Where a run is that has not ended yet: how many seeds of how many, and when the rest may be done. */
export function describeProgress(outcomes: readonly Outcome[], seeds: number, seconds: number): string {
  const failed = outcomes.filter(({ finding }) => finding !== undefined).length;
  const done = outcomes.length;
  const left = done === 0 ? '' : `, about ${Math.ceil(((seeds - done) * seconds) / done)} s to go`;
  return `${done} of ${seeds} seeds in ${seconds.toFixed(0)} s, ${failed} failed${left}`;
}

export function describeSummary(outcomes: readonly Outcome[], seconds: number): string[] {
  const failed = outcomes.filter(({ finding }) => finding !== undefined);
  const counts = new Map<string, number>(faultKinds.map((kind) => [kind, 0]));
  for (const { faults } of outcomes) for (const [kind, times] of Object.entries(faults)) counts.set(kind, (counts.get(kind) ?? 0) + times);
  const never = [...counts].filter(([, times]) => times === 0).map(([kind]) => kind);
  const simulatedMinutes = Math.round(outcomes.reduce((sum, { simulatedMs }) => sum + simulatedMs, 0) / 60_000);
  return [
    `faults: ${[...counts].map(([kind, times]) => `${kind} ${times}`).join(', ')}`,
    ...(never.length > 0 && outcomes.length >= seedsForEveryKind ? [`SUSPICIOUS: never injected: ${never.join(', ')}`] : []),
    ...(failed.length === 0 ? [] : [`failed seeds: ${failed.map(({ seed }) => seed).join(', ')}`]),
    `${outcomes.length} seeds, ${failed.length} failed, ${simulatedMinutes} simulated minutes in ${seconds.toFixed(0)} s (${(outcomes.length / seconds).toFixed(2)} seeds/s)`,
  ];
}
