import { makePostgresEventLog, verifyChain } from '@plumbline/event-log';
import type { RecordedEvent } from '@plumbline/contracts';
import type { Databases } from '../sql/database.ts';
import { BrokenInvariant } from './broken-invariant.ts';

interface Row {
  position: string;
  id: string;
  stream: string;
  version: number;
  type: string;
  data: string;
  metadata: string;
  at: string;
}

/** Everything that is in the log, in order. */
export function readLog(databases: Databases): RecordedEvent[] {
  const rows = databases.read<Row>(
    `select position, id, stream, version, type, data, metadata, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as at from log.event order by position`,
  );
  return rows.map((row) => ({
    ...row,
    position: Number(row.position),
    data: JSON.parse(row.data) as unknown,
    metadata: JSON.parse(row.metadata) as RecordedEvent['metadata'],
  }));
}

/** Remembers what was seen, so that a fact that changes or moves is noticed. */
export class LogWatch {
  readonly #seen: string[] = [];

  look(events: readonly RecordedEvent[]): void {
    positionsAreDense(events);
    versionsAreDense(events);
    const facts = events.map(({ position, id, stream, version, type, data }) => JSON.stringify([position, id, stream, version, type, data]));
    this.#seen.forEach((fact, index) => {
      if (facts[index] !== fact) throw new BrokenInvariant('facts are stable', `position ${index + 1} was ${fact} and is ${facts[index]}`);
    });
    this.#seen.push(...facts.slice(this.#seen.length));
  }
}

function positionsAreDense(events: readonly RecordedEvent[]): void {
  events.forEach(({ position }, index) => {
    if (position !== index + 1) throw new BrokenInvariant('positions are dense', `position ${index + 1} is missing: ${position} comes next`);
  });
}

function versionsAreDense(events: readonly RecordedEvent[]): void {
  const versions = new Map<string, number>();
  for (const { stream, version, position } of events) {
    const next = (versions.get(stream) ?? 0) + 1;
    if (version !== next) throw new BrokenInvariant('versions are dense', `${stream} has version ${version} at position ${position}, expected ${next}`);
    versions.set(stream, version);
  }
}

export async function chainVerifies(databases: Databases): Promise<void> {
  const verdict = await verifyChain(makePostgresEventLog({ connection: databases.logPool, announce: () => undefined }));
  if (!verdict.isIntact) throw new BrokenInvariant('the chain verifies', JSON.stringify(verdict));
}
