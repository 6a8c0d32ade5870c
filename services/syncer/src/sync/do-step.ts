import type { Step } from '@plumbline/manifests';
import type { StepOutcome } from './apply-step.ts';
import { applyStep } from './apply-step.ts';
import { writeNamespace } from './created-namespace.ts';
import { awaitedConfirmation } from './prune.ts';
import type { PlannedNamespace } from './rehearsal.ts';
import { rehearse } from './rehearsal.ts';
import type { StepContext } from './step-context.ts';

export interface Begin {
  /** All steps of the operation. */
  steps: readonly Step[];
  /** To be made before the first step. */
  namespace: PlannedNamespace;
  /** The whole plan was looked at already, before the first step waited. */
  isRehearsed: boolean;
  rehearsed(): void;
}

/** Does a step, and before the first one all that has to be known and there before anything is written. */
export async function doStep(step: Step, begin: Begin, context: StepContext): Promise<StepOutcome> {
  const { operation } = context;
  const isFirst = operation.stepsCompleted === 0;
  if (isFirst && !begin.isRehearsed) {
    const refused = await rehearse(begin.steps, begin.namespace, context);
    if (refused !== undefined) return refused;
    begin.rehearsed();
  }
  const waiting = awaitedConfirmation(step.prune, context);
  if (waiting !== undefined) return { results: [], canRetry: true, waiting };
  if (!isFirst || begin.namespace === undefined || operation.operation.dryRun === true) return applyStep(step, context);
  const made = await makeNamespace(begin.namespace, context);
  if (made.results.some(({ status }) => status === 'SyncFailed')) return made;
  const applied = await applyStep(step, context);
  return { ...applied, results: [...made.results, ...applied.results] };
}

async function makeNamespace(namespace: NonNullable<PlannedNamespace>, context: StepContext): Promise<StepOutcome> {
  context.assertOwner();
  const { result, answer, canRetry } = await writeNamespace(namespace, context);
  if (answer !== undefined) context.observe(answer);
  return { results: [result], canRetry };
}
