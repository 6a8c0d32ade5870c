import { parseApplicationStream, type Application, type ApplicationEvent, type CommandEvent, type RecordedEvent } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { History } from '../load/history.ts';

/** I1: what was answered with 200 is in the log, done, and in the cluster. */
export async function checkAcknowledged(events: readonly RecordedEvent[], history: History, kube: KubeClient): Promise<string[]> {
  const done = commandsDone(events);
  const problems: string[] = [];
  const expected = new Map<string, number>();
  for (const { kind, application } of history.acknowledged) {
    const key = `${commandOf[kind]} application argocd/${application}`;
    expected.set(key, (expected.get(key) ?? 0) + 1);
  }
  for (const [key, count] of expected) {
    if ((done.get(key) ?? 0) < count) problems.push(`I1: ${count} times "${key}" was acknowledged, the log has ${done.get(key) ?? 0} of them done`);
  }
  const { items } = await kube.list({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' }, { namespace: 'argocd' });
  const live = new Map(items.map((object) => [object.metadata.name, object as unknown as Application]));
  for (const { kind, application, edit = 0 } of history.acknowledged) {
    if (kind === 'delete' && live.has(application)) problems.push(`I1: the deletion of ${application} was acknowledged, it is still there`);
    // A deletion may have been carried out without an answer.
    if (kind === 'create' && !live.has(application) && !history.deletions.has(application))
      problems.push(`I1: ${application} was acknowledged, it is not there`);
    if (kind === 'update' && Number(live.get(application)?.metadata.annotations?.['faults/edit'] ?? 0) < edit)
      problems.push(`I1: edit ${edit} of ${application} was acknowledged, it is not there`);
  }
  return problems;
}

const commandOf = { sync: 'sync', create: 'create-application', update: 'update-application', delete: 'delete-application' } as const;

/** Command and target → how often it was carried out. */
function commandsDone(events: readonly RecordedEvent[]): Map<string, number> {
  const accepted = new Map<string, string>();
  const done = new Map<string, number>();
  for (const recorded of events) {
    if (!recorded.stream.startsWith('command-')) continue;
    const event = recorded as RecordedEvent & CommandEvent;
    if (event.type === 'CommandAccepted') accepted.set(recorded.stream, `${event.data.command} ${event.data.target}`);
    if (event.type !== 'CommandDone' || event.data.outcome !== 'done') continue;
    const key = accepted.get(recorded.stream) ?? '';
    done.set(key, (done.get(key) ?? 0) + 1);
  }
  return done;
}

/** What became of the pushed commits. */
export interface Commits {
  synced: number;
  superseded: number;
  failed: number;
  problems: string[];
}

/** I3: each pushed commit was synced by each application that it changed, or a later one was, or it failed with a reason. */
export function checkCommits(events: readonly RecordedEvent[], history: History): Commits {
  const order = new Map(history.pushed.map(({ commit }, index) => [commit, index]));
  const outcomes = outcomesOf(events, order);
  const result: Commits = { synced: 0, superseded: 0, failed: 0, problems: [] };
  history.pushed.forEach(({ commit, applications }, index) => {
    for (const name of applications) {
      const { synced, failed } = outcomes.get(name) ?? { synced: new Set<number>(), failed: new Set<number>() };
      if (synced.has(index)) result.synced++;
      else if ([...synced].some((other) => other > index)) result.superseded++;
      else if (failed.has(index)) result.failed++;
      else result.problems.push(`I3: commit ${commit} was never synced by ${name}, nor is a reason told`);
    }
  });
  return result;
}

function outcomesOf(events: readonly RecordedEvent[], order: ReadonlyMap<string, number>): Map<string, { synced: Set<number>; failed: Set<number> }> {
  const outcomes = new Map<string, { synced: Set<number>; failed: Set<number> }>();
  const revisions = new Map<string, string>();
  for (const recorded of events) {
    const id = parseApplicationStream(recorded.stream);
    if (id === undefined) continue;
    const event = recorded as RecordedEvent & ApplicationEvent;
    const known = outcomes.get(id.name) ?? { synced: new Set<number>(), failed: new Set<number>() };
    outcomes.set(id.name, known);
    const note = (set: Set<number>, revision: string | undefined): void => {
      const index = order.get(revision ?? '');
      if (index !== undefined) set.add(index);
    };
    if (event.type === 'SyncRequested') revisions.set(event.data.operationId, event.data.revision);
    else if (event.type === 'SyncSucceeded') note(known.synced, event.data.revision);
    else if (event.type === 'ApplicationCompared' && event.data.status === 'Synced') note(known.synced, event.data.revision);
    else if (event.type === 'SyncFailed' && event.data.message !== '') note(known.failed, revisions.get(event.data.operationId));
  }
  return outcomes;
}

/** I9: no operation is left without an end, and every failed one says why. */
export function checkOperations(events: readonly RecordedEvent[]): string[] {
  const open = new Map<string, string>();
  const problems: string[] = [];
  const gone = new Set(events.filter(({ type }) => type === 'ApplicationDeleted').map(({ stream }) => stream));
  for (const recorded of events) {
    const event = recorded as RecordedEvent & ApplicationEvent;
    if (event.type === 'SyncRequested') open.set(event.data.operationId, recorded.stream);
    else if (event.type === 'SyncSucceeded') open.delete(event.data.operationId);
    else if (event.type === 'SyncFailed') {
      open.delete(event.data.operationId);
      if (event.data.message === '') problems.push(`I9: operation ${event.data.operationId} failed without a reason`);
    }
  }
  for (const [operation, stream] of open) if (!gone.has(stream)) problems.push(`I9: operation ${operation} of ${stream} never ended`);
  return problems;
}

/**
 * I9: an operation that was under way when a service was killed ends within the bound from the last kill before its end.
 *
 * @param killedAt ms of the clock that PostgreSQL stamps events with: it is the same machine
 */
export function checkEndsAfterKills(events: readonly RecordedEvent[], killedAt: readonly number[], boundMs: number): string[] {
  const kills = killedAt.toSorted((a, b) => a - b);
  const begun = new Map<string, number>();
  const problems: string[] = [];
  for (const recorded of events) {
    const event = recorded as RecordedEvent & ApplicationEvent;
    const atMs = Date.parse(recorded.at);
    if (event.type === 'SyncRequested') begun.set(event.data.operationId, atMs);
    if (event.type !== 'SyncSucceeded' && event.type !== 'SyncFailed') continue;
    const beganMs = begun.get(event.data.operationId);
    const killMs = kills.findLast((kill) => kill < atMs);
    if (beganMs === undefined || killMs === undefined || killMs < beganMs) continue;
    if (atMs - killMs > boundMs) problems.push(`I9: operation ${event.data.operationId} ended ${atMs - killMs} ms after the kill that interrupted it`);
  }
  return problems;
}

/** I4: how often a write of a former owner was told after a position. */
export const lateWritesAfter = (events: readonly RecordedEvent[], position: number): number =>
  events.filter((event) => event.type === 'LateWriteDetected' && event.position > position).length;
