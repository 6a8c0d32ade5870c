import { AppError } from '@plumbline/contracts';
import { Pool, type PoolClient } from 'pg';
import { answerTimeoutMs, connectTimeoutMs, connectionsMax, idleInTransactionTimeoutMs, lockTimeoutMs, statementTimeoutMs } from '../limits.ts';
import type { SqlExecutor } from '../port.ts';
import { isSilence, postgresError } from './postgres-errors.ts';

/** Runs `work` in a transaction: committed when it resolves, rolled back when it rejects. */
export type TransactionRunner<Tx> = <R>(work: (tx: Tx) => Promise<R>) => Promise<R>;

/** Start-up options of a session that writes to the log: nothing waits, runs or idles in a transaction for ever. */
export const sessionOptions = [
  `lock_timeout=${lockTimeoutMs}`,
  `statement_timeout=${statementTimeoutMs}`,
  `idle_in_transaction_session_timeout=${idleInTransactionTimeoutMs}`,
  'timezone=UTC',
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** A pool with the session options above. Connections that break while idle are replaced, not fatal. */
export function openPool(url: string, options: { connections?: number; applicationName?: string } = {}): Pool {
  const pool = new Pool({
    connectionString: url,
    max: options.connections ?? connectionsMax,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    application_name: options.applicationName ?? 'plumbline event log',
    options: sessionOptions,
  });
  const ignore = (): void => undefined; // the query in hand, or the next one, fails and says so
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** A pg client or pool as executor; errors come out as AppErrors. */
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

/** Transactions on connections of this pool. */
export function transactionsOf(pool: Pool): TransactionRunner<SqlExecutor> {
  return async (work) => {
    const client = await pool.connect().catch((error: unknown) => {
      throw postgresError(error, 'connect');
    });
    let isUsable = false;
    try {
      await command(client, 'begin');
      const result = await work(sqlExecutorOf(client));
      await commit(client);
      isUsable = true;
      return result;
    } catch (error) {
      // A server that fell silent would not answer this either.
      const canAsk = !isSilence(error);
      isUsable =
        canAsk &&
        (await client.query('rollback').then(
          () => true,
          () => false,
        ));
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
