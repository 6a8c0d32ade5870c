import { Client } from 'pg';
import { limits } from '../limits.ts';

export interface ServerVersion {
  /** e.g. 150020. */
  number: number;
  /** e.g. `15.20`. */
  text: string;
}

export async function serverVersion(url: string): Promise<ServerVersion> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ number: string; text: string }>(
      "select current_setting('server_version_num') as number, split_part(current_setting('server_version'), ' ', 1) as text",
    );
    return { number: Number(rows[0]!.number), text: rows[0]!.text };
  });
}

export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database "${name}"`);
  });
}

/** Also ends the sessions that still use it. */
export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, (client) => client.query(`drop database if exists "${name}" with (force)`));
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: limits.probeMs });
  // Told by the query that fails.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
