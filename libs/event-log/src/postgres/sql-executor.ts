import { AppError } from '@plumbline/contracts';
import { Pool, type PoolClient } from 'pg';
import { connectTimeoutMs, connectionsMax, idleInTransactionTimeoutMs, lockTimeoutMs, silenceMs, statementTimeoutMs } from '../limits.ts';
import type { SqlExecutor } from '../port.ts';
import { isSilence, postgresError } from './postgres-errors.ts';

/** Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. */
export type TransactionRunner<Tx> = <R>(work: (tx: Tx) => Promise<R>) => Promise<R>;

const optionsWith = (timeoutMs: number): string =>
  [
    `lock_timeout=${lockTimeoutMs}`,
    `statement_timeout=${timeoutMs}`,
    `idle_in_transaction_session_timeout=${idleInTransactionTimeoutMs}`,
    'timezone=UTC',
    'jit=off',
  ]
    .map((setting) => `-c ${setting}`)
    .join(' ');

/** Start-up options of a session that writes to the log: nothing waits, runs or idles in a transaction for ever. */
export const sessionOptions = optionsWith(statementTimeoutMs);

/** For how long an answer is waited for in such a session; `pg` calls it `query_timeout`. */
export const answerTimeoutMs = statementTimeoutMs + silenceMs;

/**
 * A pool with the session options above. Connections that break while idle are replaced, not fatal.
 *
 * @param options statementTimeoutMs: for whoever reads the whole log on purpose; 0 is no bound
 */
export function openPool(url: string, options: { connections?: number; applicationName?: string; statementTimeoutMs?: number } = {}): Pool {
  const statementMs = options.statementTimeoutMs ?? statementTimeoutMs;
  const pool = new Pool({
    connectionString: url,
    max: options.connections ?? connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    application_name: options.applicationName ?? 'plumbline event log',
    options: optionsWith(statementMs),
    ...(statementMs === 0 ? {} : { query_timeout: statementMs + silenceMs }),
  });
  const ignore = (): void => undefined; // the query in hand, or the next one, fails and says so
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** What the log says all the time; each connection parses and plans it once. */
const preparedNames = new Map<string, string>();

/** Has this statement prepared, under its name, by each connection that first runs it. */
export function prepared(name: string, sql: string): string {
  preparedNames.set(sql, `plumbline ${name}`);
  return sql;
}

/** What runs a statement (TypeORM's runner, a pg client) as executor; errors come out as AppErrors. */
export function sqlExecutorOf(client: { query(sql: string, parameters?: unknown[]): Promise<{ rows: unknown[] }> }): SqlExecutor {
  return {
    async query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
      try {
        const result = await client.query(sql, parameters === undefined ? undefined : [...parameters]);
        return result.rows as Row[];
      } catch (error) {
        throw postgresError(error, 'query');
      }
    },
  };
}

/** The same of a pg pool or client, where statements can be prepared. */
export function preparingExecutorOf(client: { query(query: { text: string; values?: unknown[]; name?: string }): Promise<{ rows: unknown[] }> }): SqlExecutor {
  return sqlExecutorOf({
    query(text, values) {
      const name = preparedNames.get(text);
      return client.query({ text, ...(values === undefined ? {} : { values }), ...(name === undefined ? {} : { name }) });
    },
  });
}

/** Transactions on connections of this pool. */
export function transactionsOf(pool: Pool): TransactionRunner<SqlExecutor> {
  return async (work) => {
    const client = await pool.connect().catch((error: unknown) => {
      throw postgresError(error, 'connect');
    });
    let isUsable = false;
    try {
      await command(client, 'begin');
      const result = await work(preparingExecutorOf(client));
      await commit(client);
      isUsable = true;
      return result;
    } catch (error) {
      // A server that fell silent would not answer this either.
      if (!isSilence(error))
        isUsable = await client.query('rollback').then(
          () => true,
          () => false,
        );
      throw error;
    } finally {
      client.release(!isUsable);
    }
  };
}

async function command(client: PoolClient, sql: string): Promise<string> {
  try {
    return (await client.query(sql)).command;
  } catch (error) {
    throw postgresError(error, sql);
  }
}

async function commit(client: PoolClient): Promise<void> {
  const done = await command(client, 'commit');
  // A statement failed and `work` swallowed it: PostgreSQL then answers COMMIT by rolling back, without an error.
  if (done !== 'COMMIT')
    throw new AppError('internal', 'PostgreSQL rolled the transaction back instead of committing it: an error inside it was caught and lost');
}
