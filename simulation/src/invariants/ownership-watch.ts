import type { Databases } from '../sql/database.ts';

/** Looks at each append to an application's stream, at the moment it happens: whoever appends must own the cluster. */
export function appendedByFormerOwner(databases: Databases, appender: string, streams: readonly string[]): string | undefined {
  const stream = streams.find((each) => each.startsWith('application-'));
  if (stream === undefined || !appender.startsWith('syncer-')) return undefined;
  const [lease] = databases.read<{ owner: string; epoch: string }>('select owner, epoch from syncer.lease');
  if (lease === undefined || lease.owner === appender) return undefined;
  return `${appender} appended to ${stream} while ${lease.owner} owns the cluster in epoch ${lease.epoch}`;
}
