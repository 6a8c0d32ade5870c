import { AppError } from '@plumbline/contracts';
import { makeLogSigner, makePostgresEventLog, openPool, parseLogPublicKey, sqlExecutorOf } from '@plumbline/event-log';
import type { LogPublicKey, LogSigner, PostgresEventLog, SqlExecutor } from '@plumbline/event-log';
import type { CliIo } from './io.ts';

export interface DatabaseOptions {
  databaseUrl?: string;
}

export interface OpenLog {
  log: PostgresEventLog;
  executor: SqlExecutor;
  pool: ReturnType<typeof openPool>;
}

/** Whole logs are read: no statement is bounded. */
const statementTimeoutMs = 0;

export async function withLog<R>(io: CliIo, options: DatabaseOptions, work: (open: OpenLog) => Promise<R>): Promise<R> {
  const url = options.databaseUrl ?? io.env['PLUMBLINE_DATABASE_URL'];
  if (url === undefined || url === '') throw new AppError('invalid-argument', 'no database: give --database-url or set PLUMBLINE_DATABASE_URL');
  const pool = openPool(url, { connections: 2, applicationName: 'plumb', statementTimeoutMs });
  try {
    // Nobody hears it from here: consumers find what is appended with their next poll.
    return await work({ log: makePostgresEventLog({ connection: pool, announce: () => undefined }), executor: sqlExecutorOf(pool), pool });
  } finally {
    await pool.end();
  }
}

/** The key of the installation, as its services have it. */
export function signerOf(io: CliIo): LogSigner {
  const text = io.env['PLUMBLINE_KEY'] ?? '';
  const key = Buffer.from(text, 'base64');
  if (key.byteLength !== 32) throw new AppError('invalid-argument', 'PLUMBLINE_KEY is not set to base64 of 32 bytes: take it from the Secret plumbline-key');
  return makeLogSigner(key);
}

/** The given public keys, or that of the environment's secret; none without either. */
export function publicKeysOf(io: CliIo, texts: readonly string[] | undefined): LogPublicKey[] {
  if (texts !== undefined) return texts.map(parseLogPublicKey);
  return (io.env['PLUMBLINE_KEY'] ?? '') === '' ? [] : [signerOf(io).publicKey];
}
