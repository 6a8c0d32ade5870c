import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import type { RecordedEvent } from '@plumbline/contracts';
import type { Databases } from '../sql/database.ts';
import { schemaOf } from '../sql/schema.ts';
import { BrokenInvariant } from './broken-invariant.ts';

/** Writes down what it is given, in `simulation_ledger`. */
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

/** Emptied and made again from the log, each projection is what it was. */
export async function rebuiltEqualsLive(
  databases: Databases,
  consumers: ReadonlyMap<string, Consumer<SqlExecutor>>,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (const consumer of consumers.values()) {
    const { tables = [], types } = consumer;
    if (tables.length === 0) continue;
    const schema = schemaOf(consumer.name.slice(0, consumer.name.indexOf('.')));
    const session = {};
    const { server } = databases.access;
    const tx: SqlExecutor = { query: async <Row>(sql: string, values: readonly unknown[] = []) => server.query(session, schema, sql, values).rows as Row[] };
    const contents = async (): Promise<string[]> => Promise.all(tables.map((table) => contentOf(tx, table)));
    await tx.query('begin');
    try {
      const live = await contents();
      await tx.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
      for (const event of events) if (types === undefined || types.includes(event.type)) await consumer.apply([event], tx);
      const rebuilt = await contents();
      live.forEach((rows, index) => {
        if (rows === rebuilt[index]) return;
        const difference = `live ${rows.slice(0, 3_000)} · rebuilt ${rebuilt[index]?.slice(0, 3_000)}`;
        throw new BrokenInvariant('rebuilt equals live', `${consumer.name}, ${tables[index]!.name}: ${difference}`);
      });
    } finally {
      await tx.query('rollback');
    }
  }
}

/** As text, without the columns that are no function of the log. */
async function contentOf(tx: SqlExecutor, { name, incomparable = {} }: ProjectionTable): Promise<string> {
  const [row] = await tx.query<{ rows: string }>(
    `select coalesce(json_agg(r.content order by r.content)::text, '') as rows from (select (to_jsonb(t) - $1::text[])::text as content from ${name} t) r`,
    [Object.keys(incomparable)],
  );
  return row?.rows ?? '';
}
