import type { Databases } from '../sql/database.ts';
import type { DoneStatement } from '../sql/pg-driver.ts';

interface Appended {
  stream: string;
  type: string;
}

/** What a call of log.append has appended; undefined: it was another statement. See `appendParameters` of the event log. */
export function appendedBy({ sql, values, rows }: DoneStatement): Appended[] | undefined {
  if (!sql.includes('log.append(')) return undefined;
  const streams = String(values[1]).split('\n');
  const parts = String(values[3]).slice(1, -1).split(',').map(Number);
  const types = String(values[5]).split('\n');
  // Refused, or recorded before: without a version.
  const versions = rows[0]?.['versions'] as (number | null)[];
  return types.flatMap((type, index) => (versions[index] == null ? [] : [{ type, stream: streams[parts[index]! - 1]! }]));
}

/** Looks at each append to an application's stream, at the moment it happens: whoever appends must own the cluster. */
export function appendedByFormerOwner(databases: Databases, appender: string, appended: readonly Appended[]): string | undefined {
  const event = appended.find(({ stream }) => stream.startsWith('application-'));
  if (event === undefined || !appender.startsWith('syncer-')) return undefined;
  const [lease] = databases.read<{ owner: string; epoch: string }>(`select owner, epoch from log.lease where name = 'syncer/in-cluster'`);
  if (lease === undefined) return `${appender} appended ${event.type} to ${event.stream} and nobody owns the cluster`;
  if (lease.owner === appender) return undefined;
  return `${appender} appended ${event.type} to ${event.stream} while ${lease.owner} owns the cluster in epoch ${lease.epoch}`;
}
