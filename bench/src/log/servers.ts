import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openPool } from '@plumbline/event-log';
import { startNats, startPostgres } from '@plumbline/testing';

/** Where a bench of the log runs: nothing else is in there. */
export interface LogServers {
  databaseUrl: string;
  natsUrl: string;
}

const stateDir = join(import.meta.dirname, '../../../.plumbline/bench');
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/**
 * Runs a bench with a database of its own and a NATS server: at the addresses of PLUMBLINE_POSTGRES and PLUMBLINE_NATS, or
 * on private servers that are started for it and removed afterwards.
 */
export async function withServers(bench: (servers: LogServers) => Promise<void>): Promise<void> {
  await using started = new AsyncDisposableStack();
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  const options = { stateDir, name: 'plumbline-bench', progress: tell };
  const postgres = await startPostgres(options);
  started.defer(() => postgres.drop());
  const nats = await startNats(options);
  started.defer(() => nats.drop());
  const name = `bench_${randomUUID().slice(0, 8)}`;
  await onServer(postgres.url, `create database ${name}`);
  started.defer(() => onServer(postgres.url, `drop database ${name} with (force)`));
  await bench({ databaseUrl: Object.assign(new URL(postgres.url), { pathname: `/${name}` }).href, natsUrl: nats.url });
}

async function onServer(url: string, sql: string): Promise<void> {
  const pool = openPool(url, { connections: 1 });
  await pool.query(sql);
  await pool.end();
}
