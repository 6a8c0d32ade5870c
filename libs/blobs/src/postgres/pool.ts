import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AppError } from '@plumbline/contracts';
import { Pool } from 'pg';
import { connectTimeoutMs, connectionsMax, idleInTransactionTimeoutMs, lockTimeoutMs, statementTimeoutMs } from '../limits.ts';

/** A pool whose sessions wait, run or idle in a transaction only so long. */
export function openBlobPool(url: string, connections = connectionsMax): Pool {
  const settings = { lock_timeout: lockTimeoutMs, statement_timeout: statementTimeoutMs, idle_in_transaction_session_timeout: idleInTransactionTimeoutMs };
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: connectTimeoutMs,
    // A server that should have ended the statement itself and says nothing is gone.
    query_timeout: statementTimeoutMs + connectTimeoutMs,
    application_name: 'plumbline blobs',
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  const ignore = (): void => undefined; // the query in hand, or the next one, fails and says so
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** Rows of one statement; errors come out as AppErrors. */
export async function query<Row>(pool: Pool, sql: string, parameters: unknown[]): Promise<Row[]> {
  try {
    return (await pool.query(sql, parameters)).rows as Row[];
  } catch (error) {
    throw blobStoreError(error);
  }
}

/** Any failure of ours is worth another try but those that our own SQL is to blame for: class 2 (data) and 42 (syntax). */
function blobStoreError(error: unknown): AppError {
  const message = `the blob store's PostgreSQL: ${error instanceof Error ? error.message || error.name : String(error)}`;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === '57014') return new AppError('deadline-exceeded', message, { retry: 'later', cause: error });
  if (/^(2|42)/.test(code)) return new AppError('internal', message, { cause: error, details: { sqlState: code } });
  return new AppError('unavailable', message, { retry: 'later', cause: error });
}

// The same relative path from src/postgres and from dist/postgres.
const schemaFile = new URL('../../src/postgres/schema.sql', import.meta.url);

/** Creates or updates the schema `blobs`. Any number of processes may call it at once; one works, the others wait. */
export async function migrateBlobs(pool: Pool): Promise<void> {
  const schema = await readFile(schemaFile, 'utf8');
  const digest = `plumbline blobs ${createHash('sha256').update(schema).digest('hex')}`;
  // Without parameters, several statements are one transaction. The schema's comment tells what is there already.
  await query(
    pool,
    `select pg_advisory_xact_lock(hashtext('plumbline blobs'));
     do $migrate$ begin
       if obj_description(to_regnamespace('blobs'), 'pg_namespace') is distinct from '${digest}' then
         ${schema}
         comment on schema blobs is '${digest}';
       end if;
     end $migrate$`,
    [],
  );
}
