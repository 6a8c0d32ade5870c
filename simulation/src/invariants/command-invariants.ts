import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { applicationStream } from '@plumbline/contracts';
import { controlNamespace } from '../world/applications.ts';
import type { World } from '../world/world.ts';
import { BrokenInvariant } from './broken-invariant.ts';

/** What api said yes to is in the log, with its outcome, and was done: or the application it was about is gone. */
export function noCommandIsLost(
  events: readonly RecordedEvent[],
  world: Pick<World, 'acknowledged'>,
  isThere: (application: string, uid: string) => boolean,
): void {
  const invariant = 'no acknowledged command is lost';
  for (const { user, application, uid } of world.acknowledged) {
    const own = events.filter(({ metadata }) => metadata.actor === user);
    const types = own.map(({ type }) => type);
    for (const type of ['CommandAccepted', 'CommandDone']) {
      if (!types.includes(type)) throw new BrokenInvariant(invariant, `${user} asked to sync ${application} and was told yes, but there is no ${type}`);
    }
    const stream = applicationStream({ namespace: controlNamespace, name: application, uid });
    const isDeleted = events.some((event) => event.stream === stream && event.type === 'ApplicationDeleted');
    // Deleted before a syncer that was down ever saw it: its stream never began.
    const isGone = isDeleted || (!isThere(application, uid) && !events.some((event) => event.stream === stream));
    if (!isGone && !own.some((event) => event.stream === stream && event.type === 'SyncRequested'))
      throw new BrokenInvariant(invariant, `${user} asked to sync ${application} and was told yes, but no sync was requested`);
  }
}

/** Every operation that began has ended, with a reason where it failed. */
export function syncsEnd(events: readonly RecordedEvent[]): void {
  const running = new Map<string, RecordedEvent>();
  for (const recorded of events) {
    const event = recorded as RecordedEvent & ApplicationEvent;
    if (event.type === 'SyncRequested') running.set(`${event.stream} ${event.data.operationId}`, recorded);
    else if (event.type === 'SyncSucceeded' || event.type === 'SyncFailed') {
      if (event.type === 'SyncFailed' && event.data.message === '')
        throw new BrokenInvariant('a sync ends with a reason', `${event.data.operationId} failed without a message`);
      if (!running.delete(`${event.stream} ${event.data.operationId}`))
        throw new BrokenInvariant('a sync ends once', `${event.data.operationId} of ${event.stream} ended at ${event.position} although it was not running`);
    } else if (event.type === 'ApplicationDeleted') for (const key of running.keys()) if (key.startsWith(`${event.stream} `)) running.delete(key);
  }
  const [left] = running.values();
  if (left !== undefined) throw new BrokenInvariant('a sync ends', `the one requested at position ${left.position} of ${left.stream} never did`);
}
