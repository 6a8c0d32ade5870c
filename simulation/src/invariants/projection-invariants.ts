import type { Consumer, SqlExecutor } from '@plumbline/event-log';
import type { RecordedEvent } from '@plumbline/contracts';
import { schemaOf, type Databases } from '../sql/database.ts';
import { BrokenInvariant } from './broken-invariant.ts';

/** Where the simulation's own consumer writes down what it was given: it would not forgive anything given twice. */
export const ledgerTable = 'create table simulation_ledger (position bigint not null, consumer_life text not null)';

export function ledger(service: string, process: string): Consumer<SqlExecutor> {
  return {
    name: `${service}.simulation-ledger`,
    async apply(events, tx) {
      for (const event of events) await tx.query('insert into simulation_ledger values ($1, $2)', [event.position, process]);
    },
  };
}

/** Each event took effect once, in each service. */
export function effectsHappenOnce(databases: Databases, services: readonly string[], events: readonly RecordedEvent[]): void {
  for (const service of services) {
    const rows = databases.read<{ position: string; times: string }>(
      `select position, count(*) as times from ${schemaOf(service)}.simulation_ledger group by position order by position`,
    );
    const twice = rows.find(({ times }) => Number(times) !== 1);
    if (twice !== undefined) throw new BrokenInvariant('each event takes effect once', `${service} applied position ${twice.position} ${twice.times} times`);
    const seen = new Set(rows.map(({ position }) => Number(position)));
    const missed = events.find(({ position }) => !seen.has(position));
    if (missed !== undefined)
      throw new BrokenInvariant('each event takes effect once', `${service} never applied position ${missed.position} (${missed.type})`);
  }
}

export function nothingIsParked(databases: Databases, services: readonly string[]): void {
  for (const service of services) {
    const [parked] = databases.read<{ consumer: string; stream: string; error: string }>(
      `select consumer, stream, error from ${schemaOf(service)}.parked_event`,
    );
    if (parked !== undefined) throw new BrokenInvariant('nothing is parked', `${parked.consumer} parked ${parked.stream}: ${parked.error}`);
  }
}

/** Dropped and made again from the log, each projection is what it was. */
export async function rebuiltEqualsLive(
  databases: Databases,
  consumers: ReadonlyMap<string, Consumer<SqlExecutor>>,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (const consumer of consumers.values()) {
    if (consumer.reset === undefined) continue;
    const schema = schemaOf(consumer.name.slice(0, consumer.name.indexOf('.')));
    const session = {};
    const { server } = databases.access;
    const tx: SqlExecutor = { query: async <Row>(sql: string, values: readonly unknown[] = []) => server.query(session, schema, sql, values).rows as Row[] };
    const live = contents(server.query.bind(server, session, schema), schema);
    await tx.query('begin');
    try {
      await consumer.reset(tx);
      for (const event of events) if (consumer.types === undefined || consumer.types.includes(event.type)) await consumer.apply([event], tx);
      const rebuilt = contents(server.query.bind(server, session, schema), schema);
      for (const [table, rows] of live) {
        if (rows !== rebuilt.get(table))
          throw new BrokenInvariant(
            'rebuilt equals live',
            `${consumer.name}, ${table}: live ${rows.slice(0, 3_000)} · rebuilt ${rebuilt.get(table)?.slice(0, 3_000)}`,
          );
      }
    } finally {
      await tx.query('rollback');
    }
  }
}

type Query = (sql: string, values?: readonly unknown[]) => { rows: Record<string, unknown>[] };

function contents(query: Query, schema: string): Map<string, string> {
  const { rows } = query(`select tablename from pg_tables where schemaname = $1 order by 1`, [schema]);
  return new Map(
    rows.map(({ tablename }) => {
      const table = String(tablename);
      const text = query(`select coalesce(json_agg(t order by t::text)::text, '') as rows from ${schema}."${table}" t`).rows[0]?.['rows'];
      return [table, String(text)];
    }),
  );
}
