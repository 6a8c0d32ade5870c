import { applicationStream, evolveApplicationStatus, initialApplicationStatus, type RecordedEvent } from '@plumbline/contracts';
import type { Simulation } from '../simulation.ts';
import { controlNamespace } from '../world/applications.ts';
import { BrokenInvariant } from './broken-invariant.ts';

type Shown = {
  sync?: { status?: string; revision?: string };
  health?: { status?: string };
  operationState?: { phase?: string; message?: string };
  history?: unknown[];
};

/** What an Application shows is what its stream says. */
export function statusIsTheFold(simulation: Simulation, events: readonly RecordedEvent[]): void {
  for (const application of simulation.cluster.objects().filter(({ kind }) => kind === 'Application')) {
    const { name, uid = '' } = application.metadata;
    const stream = applicationStream({ namespace: controlNamespace, name, uid });
    const folded = events.filter((event) => event.stream === stream).reduce(evolveApplicationStatus, initialApplicationStatus);
    const [shown, told] = [essence(application['status'] ?? {}), essence(folded)];
    if (shown !== told) throw new BrokenInvariant('the status is the fold of the log', `${name} shows ${shown}, the log says ${told}`);
  }
}

const essence = ({ sync, health, operationState, history }: Shown): string =>
  JSON.stringify([sync?.status, sync?.revision, health?.status, operationState?.phase, operationState?.message, history?.length ?? 0]);
