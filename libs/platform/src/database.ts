import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import { answerTimeoutMs, isSilence, migrateConsumers, sessionOptions, sqlExecutorOf } from '@plumbline/event-log';
import type { SqlExecutor } from '@plumbline/event-log';
import pg from 'pg';
import { DataSource, QueryFailedError } from 'typeorm';
import type { EntityManager, QueryResult } from 'typeorm';
import { limits } from './limits.ts';
import type { ServiceDefinition } from './service.ts';

/** `repo-watcher` → `repo_watcher`. */
export const schemaOf = (service: string): string => service.replaceAll('-', '_');

/** @throws AppError `unavailable` when PostgreSQL does not answer within a minute. */
export async function waitForPostgres(databaseUrl: string, log: Logger, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now();
  let stepMs: number = limits.databaseWaitStepMsMin;
  for (;;) {
    const problem = await probe(databaseUrl);
    if (problem === undefined) return;
    if (!isPassing(problem) || performance.now() - startedAt + stepMs > limits.databaseWaitMs) {
      throw new AppError(
        'unavailable',
        `PostgreSQL at ${placeOf(databaseUrl)} can't be used: ${problem.message}. Check PLUMBLINE_DATABASE_URL and the server`,
        { retry: 'later', cause: problem },
      );
    }
    log.warn('waiting for PostgreSQL', { at: placeOf(databaseUrl), problem: problem.message, nextTryMs: stepMs });
    await sleep(stepMs, undefined, { signal });
    stepMs = Math.min(stepMs * 2, limits.databaseWaitStepMsMax);
  }
}

async function probe(databaseUrl: string): Promise<Error | undefined> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: limits.databaseConnectMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return undefined;
  } catch (error) {
    return describe(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A refused connection to two addresses is an AggregateError without a message. */
function describe(error: unknown): Error {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error ? first : new Error(String(first));
}

/** A wrong password, user or database doesn't pass by waiting (SQLSTATE classes 28 and 3D); a server that starts does. */
function isPassing(error: Error): boolean {
  const code = (error as { code?: unknown }).code;
  return !(typeof code === 'string' && /^(28|3D)/.test(code));
}

/** Host, port and database: what may be said of an address that holds a password. */
export function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Opens the service's own schema, creates it when missing, and brings it up to date: one replica at a time. */
export async function openServiceDatabase(
  definition: Pick<ServiceDefinition, 'name' | 'entities' | 'migrations'>,
  databaseUrl: string,
  log: Logger,
): Promise<DataSource> {
  const schema = schemaOf(definition.name);
  await underLock(databaseUrl, schema, async (client) => {
    await client.query(`create schema if not exists ${pg.escapeIdentifier(schema)}`);
    await migrateConsumers(sqlExecutorOf(client), schema);
  });
  const database = new DataSource({
    type: 'postgres',
    driver: pg,
    url: databaseUrl,
    schema,
    applicationName: `plumbline-${definition.name}`,
    entities: definition.entities ?? [],
    migrations: definition.migrations ?? [],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
    synchronize: false,
    installExtensions: false,
    logging: false,
    connectTimeoutMS: limits.databaseConnectMs,
    poolSize: limits.servicePoolMax,
    poolErrorHandler: (error: unknown) => log.warn('an idle connection to PostgreSQL broke', { error }),
    extra: { idleTimeoutMillis: limits.poolIdleMs, keepAlive: true, query_timeout: answerTimeoutMs, options: `-c search_path=${schema} ${sessionOptions}` },
  });
  await database.initialize();
  surviveBrokenConnections(poolOf(database));
  try {
    await underLock(databaseUrl, schema, async () => {
      const done = await database.runMigrations();
      if (done.length > 0) log.info('schema migrated', { schema, migrations: done.map((migration) => migration.name) });
    });
  } catch (error) {
    await database.destroy();
    throw error;
  }
  return database;
}

/**
 * A connection that breaks while somebody holds it fails the query in hand, or the next one; it also emits `error`, which
 * ends the process when nobody listens. TypeORM listens on what it takes itself only.
 */
function surviveBrokenConnections(pool: pg.Pool): void {
  const ignore = (): void => undefined;
  pool.on('acquire', (client) => {
    if (client.listeners('error').includes(ignore)) return;
    client.on('error', ignore);
    endWhenSilent(client);
  });
}

/**
 * `pg` leaves a question that nobody answered on its connection, where the next one waits behind it, and TypeORM gives
 * such a connection back to the pool: it is ended, so that the pool drops it.
 */
function endWhenSilent(client: pg.ClientBase & { end(): Promise<void> }): void {
  const ask = client.query.bind(client) as (...question: unknown[]) => unknown;
  const asking = (...question: unknown[]): unknown => {
    const answer = ask(...question);
    if (answer instanceof Promise)
      answer.catch((error: unknown) => {
        if (isSilence(error)) client.end().catch(() => undefined);
      });
    return answer;
  };
  client.query = asking as typeof client.query;
}

/** Runs work while holding the advisory lock of a schema, on a connection of its own. */
async function underLock(databaseUrl: string, schema: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: limits.databaseConnectMs });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(`select pg_advisory_lock(hashtextextended($1, 0))`, [`plumbline schema ${schema}`]);
    await work(client);
  } finally {
    // The lock ends with its session.
    await client.end();
  }
}

/**
 * The statements of a TypeORM transaction as the log's SqlExecutor, so that what a service writes and what it appends
 * are one transaction. TypeORM answers `[rows, count]` for UPDATE and DELETE and rows otherwise, and wraps errors
 * together with their parameters; here it is always rows, and AppErrors.
 */
export function sqlExecutor(manager: EntityManager): SqlExecutor {
  return sqlExecutorOf({
    async query(sql, parameters = []) {
      const runner = manager.queryRunner;
      if (runner === undefined) throw new AppError('internal', 'sqlExecutor needs the manager that database.transaction gives');
      try {
        const { records } = await runner.query(sql, parameters, true);
        return { rows: records ?? [] };
      } catch (error) {
        throw error instanceof QueryFailedError ? error.driverError : error;
      }
    },
  });
}

/** The pool below a DataSource; it is closed by `destroy`. */
export const poolOf = (database: DataSource): pg.Pool => (database.driver as unknown as { master: pg.Pool }).master;

/** Single statements on the service's own schema, answering rows whatever the statement is (TypeORM's `query` doesn't). */
export function sqlOf(database: DataSource): SqlExecutor {
  return {
    query: async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => {
      const runner = database.createQueryRunner();
      try {
        const result = (await runner.query(sql, [...parameters], true)) as QueryResult<Row>;
        return result.records ?? [];
      } finally {
        await runner.release();
      }
    },
  };
}
