import type { Databases } from '../sql/database.ts';
import type { SqlResult } from '../sql/sql-server.ts';

/** What a call of `log.append` put into the log: not what was refused, nor what had been there. Reads its parameters and its answer. */
export function appendedBy(values: readonly unknown[], { rows: [row] }: SqlResult): { stream: string; type: string }[] {
  const streams = String(values[1]).split('\n');
  const parts = String(values[3]).slice(1, -1).split(',').map(Number);
  const types = String(values[5]).split('\n');
  const versions = (row?.['versions'] ?? []) as (number | null)[];
  const stream = (index: number): string => streams[parts[index]! - 1] ?? '';
  return types.map((type, index) => ({ type, stream: stream(index), version: versions[index] })).filter(({ version }) => typeof version === 'number');
}

/** Looks at each append to an application's stream, at the moment it happens: whoever appends must own the cluster. */
export function appendedByFormerOwner(databases: Databases, appender: string, streams: readonly string[]): string | undefined {
  const stream = streams.find((each) => each.startsWith('application-'));
  if (stream === undefined || !appender.startsWith('syncer-')) return undefined;
  const [lease] = databases.read<{ owner: string; epoch: string }>(`select owner, epoch from log.lease where name like 'syncer/%'`);
  if (lease === undefined || lease.owner === appender) return undefined;
  return `${appender} appended to ${stream} while ${lease.owner} owns the cluster in epoch ${lease.epoch}`;
}
