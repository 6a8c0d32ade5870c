import { AppError } from '@plumbline/contracts';
import type { ProjectionStore, Shadow, TableDifference } from '../consumer/projection-store.ts';
import { compareStatementMs, differencesShownMax, rebuildSilenceMsMax } from '../limits.ts';
import type { ProjectionRun, ProjectionTable, SqlExecutor } from '../port.ts';
import type { TransactionRunner } from './sql-executor.ts';
import { storableText } from './storable.ts';

const timestamp = (column: string): string => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
const iso = (ms: number): string => new Date(ms).toISOString();

/** Projections in the schema `live`, each with a shadow `<live>_rebuild_<consumer>` while it is rebuilt. */
export function makePostgresProjections(live: string, transaction: TransactionRunner<SqlExecutor>): ProjectionStore<SqlExecutor> {
  const runs = makeRuns(live, transaction);
  return {
    ...runs,
    damage: (tables) => damage(live, tables, transaction),
    areThere: (tables) =>
      transaction(async (tx) => {
        const names = tables.map(({ name }) => `${live}.${identifier(name)}`);
        return (await tx.query('select from unnest($1::text[]) n where to_regclass(n) is null', [names])).length === 0;
      }),
    async recreate(tx, tables) {
      await tx.query(`set local search_path = ${live}`);
      for (const { name } of tables) await tx.query(`drop table if exists ${live}.${identifier(name)} cascade`);
      await make(tx, tables);
    },
    async openShadow(consumer, token, tables) {
      const schema = shadowOf(live, consumer);
      const isOpen = await transaction(async (tx) => {
        // Whoever took over meanwhile may have its own shadow here already.
        if (!(await runs.hold(tx, consumer, token))) return false;
        await tx.query(`drop schema if exists ${schema} cascade`);
        await tx.query(`create schema ${schema}`);
        await tx.query(`set local search_path = ${schema}`);
        await make(tx, tables);
        return true;
      });
      return isOpen ? makeShadow({ live, schema, tables }, transaction) : undefined;
    },
  };
}

interface Place {
  live: string;
  schema: string;
  tables: readonly ProjectionTable[];
}

function makeShadow({ live, schema, tables }: Place, transaction: TransactionRunner<SqlExecutor>): Shadow<SqlExecutor> {
  return {
    transaction: (work, { isOfOneMoment = false } = {}) =>
      transaction(async (tx) => {
        if (isOfOneMoment) await tx.query('set transaction isolation level repeatable read');
        // Types and functions of the service's own schema are found too; a table that the shadow has hides the live one.
        // What a crash of the server loses of a shadow, nobody misses: a swap of it waits for its own commit.
        await tx.query(`set local search_path = ${schema}, ${live}; set local synchronous_commit = off`);
        return work(tx);
      }),
    async swap(tx) {
      await tx.query(`set local synchronous_commit = on`);
      // All locks first, so that a reader meets the old tables or the new ones and never some of both.
      await tx.query(`lock table ${tables.map(({ name }) => `${live}.${identifier(name)}`).join(', ')} in access exclusive mode`);
      for (const { name } of tables) {
        await tx.query(`drop table ${live}.${identifier(name)}`);
        await tx.query(`alter table ${schema}.${identifier(name)} set schema ${live}`);
      }
    },
    async compare(tx) {
      await tx.query(`set local statement_timeout = ${compareStatementMs}`);
      const found: TableDifference[] = [];
      for (const table of tables) found.push(await compareTable(tx, { live, schema, table }));
      return found;
    },
  };
}

async function compareTable(tx: SqlExecutor, { live, schema, table }: { live: string; schema: string; table: ProjectionTable }): Promise<TableDifference> {
  const { name, incomparable = {} } = table;
  const columns = (await columnsOf(tx, schema)).filter((column) => column.table === name);
  const compared = columns.map((column) => column.name).filter((column) => !Object.hasOwn(incomparable, column));
  const list = compared.map(identifier).join(', ');
  const rowsOf = (place: string): string => `select ${list} from ${place}.${identifier(name)}`;
  const [before, after] = [rowsOf(live), rowsOf(schema)];
  const different = `((${before} except all ${after}) union all (${after} except all ${before})) d`;
  const [count] = await tx.query<{ rows: string; differences: string }>(
    `select (select count(*) from ${live}.${identifier(name)}) as rows, (select count(*) from ${different}) as differences`,
  );
  const differences = Number(count?.differences ?? 0);
  const keys = columns.filter((column) => column.is_key && compared.includes(column.name)).map((column) => identifier(column.name));
  const sample =
    differences === 0 || keys.length === 0
      ? []
      : await tx.query<{ key: string }>(
          `select distinct concat_ws(' ', ${keys.join(', ')}) as key from ${different} order by key limit ${differencesShownMax}`,
        );
  return { table: name, rows: Number(count?.rows ?? 0), differences, sample: sample.map((row) => row.key) };
}

interface Column {
  table: string;
  name: string;
  type: string;
  is_key: boolean;
}

const columnsOf = (tx: SqlExecutor, schema: string): Promise<Column[]> =>
  tx.query<Column>(
    `select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisprimary and a.attnum = any (i.indkey)) as is_key
     from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
    [schema],
  );

class RolledBack extends Error {
  readonly lost: string[];

  constructor(lost: string[]) {
    super('rolled back: only a look');
    this.lost = lost;
  }
}

/** Makes the tables where nobody sees them, compares them with what is there, and rolls that back. */
async function damage(live: string, tables: readonly ProjectionTable[], transaction: TransactionRunner<SqlExecutor>): Promise<string[]> {
  const schema = `${live}_as_it_should_be`;
  try {
    return await transaction(async (tx) => {
      await tx.query(`create schema ${schema}`);
      await tx.query(`set local search_path = ${schema}`);
      await make(tx, tables);
      const there = await columnsOf(tx, live);
      const known = new Set([...there.map(({ table, name, type }) => `${table}.${name} ${type}`), ...there.map(({ table }) => table)]);
      const wanted = await columnsOf(tx, schema);
      const lostTables = new Set(wanted.map((column) => column.table).filter((table) => !known.has(table)));
      const lostColumns = wanted.filter(({ table, name, type }) => !lostTables.has(table) && !known.has(`${table}.${name} ${type}`));
      throw new RolledBack([...lostTables, ...lostColumns.map(({ table, name }) => `${table}.${name}`)]);
    });
  } catch (error) {
    if (error instanceof RolledBack) return error.lost;
    throw error;
  }
}

async function make(tx: SqlExecutor, tables: readonly ProjectionTable[]): Promise<void> {
  for (const { ddl } of tables) for (const statement of ddl) await tx.query(statement);
}

type Runs = Pick<ProjectionStore<SqlExecutor>, 'watch' | 'lastRun' | 'claim' | 'report' | 'hold' | 'abandon'>;

/** The record of who rebuilds or compares what; see `migrateConsumers`. */
function makeRuns(live: string, transaction: TransactionRunner<SqlExecutor>): Runs {
  const table = `${live}.projection_run`;
  const isThere = (sql: string, parameters: readonly unknown[]): Promise<boolean> => transaction(async (tx) => (await tx.query(sql, parameters)).length > 0);
  const dropShadow = (tx: SqlExecutor, consumer: string): Promise<unknown> => tx.query(`drop schema if exists ${shadowOf(live, consumer)} cascade`);
  return {
    watch: (consumer, owner, nowMs) =>
      transaction(async (tx) => {
        await tx.query(
          `insert into ${table} (consumer, kind, state, owner, token, position, head, events_per_second, parked, started_at, at, message)
           values ($1, 'compare', 'waiting', $2, '', 0, 0, 0, 0, $3, $3, '') on conflict do nothing`,
          [consumer, owner, iso(nowMs)],
        );
      }),
    lastRun: (consumer) =>
      transaction(async (tx) => {
        type Row = Omit<ProjectionRun, 'position' | 'head'> & { position: string; head: string };
        const [row] = await tx.query<Row>(
          `select consumer, kind, state, owner, position, head, events_per_second as "eventsPerSecond", parked,
             ${timestamp('started_at')} as "startedAt", ${timestamp('at')} as at, message from ${table} where consumer = $1`,
          [consumer],
        );
        return row === undefined ? undefined : { ...row, position: Number(row.position), head: Number(row.head) };
      }),
    claim: ({ consumer, kind, owner, token, nowMs, startedBeforeMs }) =>
      isThere(
        `with claimed as (
           insert into ${table} as r (consumer, kind, state, owner, token, position, head, events_per_second, parked, started_at, at, message)
           values ($1, $2, 'running', $3, $4, 0, 0, 0, 0, $5, $5, 'replays the log')
           on conflict (consumer) do update set kind = excluded.kind, state = excluded.state, owner = excluded.owner, token = excluded.token,
             position = 0, head = 0, events_per_second = 0, parked = 0, started_at = excluded.started_at, at = excluded.at, message = excluded.message
           where (r.state <> 'running' or r.at < $6) and ($7::timestamptz is null or r.started_at < $7)
           returning consumer
         ) select consumer from claimed`,
        [consumer, kind, owner, token, iso(nowMs), iso(nowMs - rebuildSilenceMsMax), startedBeforeMs === undefined ? null : iso(startedBeforeMs)],
      ),
    report: (token, run) =>
      transaction(async (tx) => {
        const reported = await tx.query(
          `with reported as (
             update ${table} set state = $3, position = $4, head = $5, events_per_second = $6, parked = $7, at = $8, message = $9
             where consumer = $1 and token = $2 and state = 'running' returning consumer
           ) select consumer from reported`,
          [run.consumer, token, run.state, run.position, run.head, run.eventsPerSecond, run.parked, run.at, storableText(run.message)],
        );
        if (reported.length > 0 && run.state !== 'running') await dropShadow(tx, run.consumer);
        return reported.length > 0;
      }),
    hold: async (tx, consumer, token) =>
      (await tx.query(`select consumer from ${table} where consumer = $1 and token = $2 and state = 'running' for update`, [consumer, token])).length > 0,
    abandon: (consumer, message) =>
      transaction(async (tx) => {
        const abandoned = await tx.query(
          `with abandoned as (
             update ${table} set state = 'failed', message = $2 where consumer = $1 and state = 'running' returning consumer
           ) select consumer from abandoned`,
          [consumer, message],
        );
        if (abandoned.length > 0) await dropShadow(tx, consumer);
      }),
  };
}

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Of a consumer `<service>.<name>`: the service is in the schema's name already. */
function shadowOf(live: string, consumer: string): string {
  const name = `${live}_rebuild_${consumer.slice(consumer.indexOf('.') + 1).replaceAll(/[^a-z0-9]/g, '_')}`;
  if (name.length <= 63) return name;
  throw new AppError('invalid-argument', `the name of consumer ${consumer} is too long for a schema: ${name}`);
}
