import type { ApplicationEvent, CommandEvent, RecordedEvent } from '@plumbline/contracts';
import { parseApplicationStream } from '@plumbline/contracts';
import type { CaseContext } from '../cases/fault-case.ts';
import { findSecrets } from './secrets.ts';
import { checkStatusProjection } from './projections.ts';

export interface Invariant {
  id: string;
  title: string;
  /** What was found to be otherwise. */
  check(context: CaseContext, events: readonly RecordedEvent[]): Promise<string[]>;
}

/** The oracle: what has to hold after every case, whatever it was. */
export const invariants: readonly Invariant[] = [
  { id: 'I1', title: 'no acknowledged write is lost', check: (context, events) => checkCommands(context, events) },
  { id: 'I2', title: 'positions are dense, stable and chained', check: ({ history }) => history.check() },
  { id: 'I3', title: 'each operation ends, with a reason; one at a time', check: (_, events) => Promise.resolve(checkOperations(events)) },
  { id: 'I5', title: 'nothing was pruned', check: ({ objects }, events) => Promise.resolve(checkPruned(objects.removed, events)) },
  { id: 'I6', title: 'projections are the fold of the events', check: (context, events) => checkStatusProjection(context, events) },
  {
    id: 'I7',
    title: 'subscribers saw every event, in order',
    check: ({ subscribers }) => Promise.resolve(subscribers.flatMap(({ violations }) => violations)),
  },
  { id: 'I8', title: 'no secret outside of Secrets', check: ({ platform }) => findSecrets(platform) },
];

async function checkCommands({ load, platform }: CaseContext, events: readonly RecordedEvent[]): Promise<string[]> {
  const found: string[] = [];
  const done = new Set<string | undefined>();
  for (const event of events) {
    const known = event as RecordedEvent & CommandEvent;
    if (known.type === 'CommandDone' && known.data.outcome === 'done') done.add(known.data.resourceVersion);
  }
  const last = new Map<number, number>();
  load.commands.forEach((command, index) => {
    if (command.status !== 200) return;
    last.set(command.application, index);
    if (!done.has(command.resourceVersion)) found.push(`command ${command.token} was acknowledged; the log does not say that it is done`);
  });
  for (const [application, index] of last) {
    const object = await platform.kube.get({
      group: 'argoproj.io',
      version: 'v1alpha1',
      kind: 'Application',
      namespace: 'argocd',
      name: `load-${application}`,
    });
    const token = (object?.['spec'] as { info?: { value: string }[] } | undefined)?.info?.[0]?.value;
    const at = load.commands.findIndex((command) => command.token === token);
    if (at < index) found.push(`load-${application} has the spec of ${token ?? 'nobody'}; ${load.commands[index]!.token} was acknowledged after it`);
  }
  return found;
}

function checkOperations(events: readonly RecordedEvent[]): string[] {
  const found: string[] = [];
  const running = new Map<string, string>();
  for (const event of events) {
    if (parseApplicationStream(event.stream) === undefined) continue;
    const known = event as RecordedEvent & ApplicationEvent;
    const current = running.get(event.stream);
    if (known.type === 'SyncRequested') {
      if (current !== undefined) found.push(`event ${event.position}: an operation is requested while ${current} runs`);
      running.set(event.stream, known.data.operationId);
    } else if (known.type === 'SyncSucceeded' || known.type === 'SyncFailed') {
      if (current !== known.data.operationId) found.push(`event ${event.position}: ${known.type} of ${known.data.operationId}, but ${current ?? 'none'} runs`);
      if (known.type === 'SyncFailed' && known.data.message === '') found.push(`event ${event.position}: a failure without a reason`);
      running.delete(event.stream);
    } else if (known.type === 'ApplicationDeleted') running.delete(event.stream);
  }
  for (const [stream, operation] of running) found.push(`operation ${operation} of ${stream} never ended`);
  return found;
}

function checkPruned(removed: readonly string[], events: readonly RecordedEvent[]): string[] {
  const found = removed.map((object) => `${object} is gone`);
  for (const event of events) {
    if (!event.stream.startsWith('application-argocd/load-') || event.type !== 'SyncStepCompleted') continue;
    const { results } = event.data as { results: { status: string; kind: string; name: string }[] };
    for (const { status, kind, name } of results) if (status === 'Pruned') found.push(`event ${event.position}: ${kind} ${name} was pruned`);
  }
  return found;
}
