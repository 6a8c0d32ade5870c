import { makePostgresEventLog, migrateConsumers, migrateEventLog, sqlExecutorOf } from '@plumbline/event-log';
import type { ServiceDefinition } from '@plumbline/platform';
import type { Pool as PgPool } from 'pg';
import { DataSource } from 'typeorm';
import { ledgerTable } from './ledger.ts';
import { Pool, type SqlAccess } from './pg-driver.ts';
import { SqlServer } from './sql-server.ts';

type Definition = Pick<ServiceDefinition<never>, 'name' | 'entities' | 'migrations'>;

/** The databases of all services, as their migrations make them; emptied between two simulations. */
export interface Databases {
  access: SqlAccess;
  /** What the log is given as its pool. */
  logPool: PgPool;
  of(service: string): DataSource;
  poolOf(service: string): PgPool;
  /** Rows of the world's own questions, at once. */
  read<Row>(sql: string, values?: readonly unknown[]): Row[];
  /** As they were right after the migrations. */
  empty(): void;
  close(): Promise<void>;
}

export const schemaOf = (service: string): string => service.replaceAll('-', '_');

export async function openDatabases(definitions: readonly Definition[]): Promise<Databases> {
  const access: SqlAccess = { server: await SqlServer.start(), faults: undefined };
  const { server } = access;
  const logPool = new Pool(access, '') as unknown as PgPool;
  await migrateEventLog(logPool);
  const sources = new Map<string, DataSource>();
  for (const definition of definitions) sources.set(definition.name, await openDatabase(access, definition));
  const of = (service: string): DataSource => sources.get(service)!;
  const world = {};
  const read = <Row>(sql: string, values: readonly unknown[] = []): Row[] => server.peek(sql, values).rows as Row[];
  await makeFirstPartition(server, logPool, read);
  const tablesNow = (): string[] => read<{ name: string }>(allTables).map(({ name }) => name);
  const tables = tablesNow();
  const initial = new Map(tables.map((table) => [table, read<{ rows: string | null }>(`select json_agg(t)::text as rows from ${table} t`)[0]?.rows ?? null]));
  return {
    access,
    logPool,
    of,
    poolOf: (service) => (of(service).driver as unknown as { master: PgPool }).master,
    read,
    empty() {
      server.abandonAll();
      const used = tablesNow().filter((table) => read<{ is_used: boolean }>(`select exists (select 1 from ${table}) as is_used`)[0]?.is_used === true);
      if (used.length === 0) return;
      server.asReplica(() => {
        server.simple(`truncate ${used.join(', ')} restart identity`);
        for (const table of used) {
          const rows = initial.get(table);
          if (rows != null)
            server.query(world, '', `insert into ${table} overriding system value select * from json_populate_recordset(null::${table}, $1::json)`, [rows]);
        }
      });
    },
    close: () => server.close(),
  };
}

const allTables = `select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relname <> 'migrations' order by 1`;

/** The log adds a partition with its first event; it stays when the tables are emptied, and so must the head's word on it. */
async function makeFirstPartition(server: SqlServer, logPool: PgPool, read: (sql: string) => unknown): Promise<void> {
  const log = makePostgresEventLog({ connection: logPool, announce: () => undefined });
  const metadata = { actor: 'simulation', service: 'simulation', schemaVersion: 1 };
  await log.append([{ stream: 'simulation-1', events: [{ id: '00000000-0000-8000-8000-000000000001', type: 'Prepared', data: {}, metadata }] }]);
  server.asReplica(() => {
    server.simple('truncate log.event, log.stream');
    read(`update log.head set position = 0, hash = decode(repeat('00', 32), 'hex'), at = '-infinity', generation = '00000000-0000-4000-8000-000000000000'`);
  });
}

async function openDatabase(access: SqlAccess, { name, entities, migrations }: Definition): Promise<DataSource> {
  const schema = schemaOf(name);
  const pool = new Pool(access, '');
  await migrateConsumers(sqlExecutorOf(pool), schema);
  const database = new DataSource({
    type: 'postgres',
    driver: {
      Pool: class extends Pool {
        constructor() {
          super(access, schema);
        }
      },
    },
    schema,
    entities: entities ?? [],
    migrations: migrations ?? [],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    installExtensions: false,
    logging: false,
  });
  await database.initialize();
  await database.runMigrations();
  await database.query(ledgerTable);
  return database;
}
