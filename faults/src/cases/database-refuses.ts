import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { World } from '../world/world.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';

export const databaseRefusesCase: FaultCase = {
  id: 'postgres-read-only',
  rows: ['F10'],
  title: 'PostgreSQL may only be read, then has no connection left, under load',
  expected: 'what cannot be stored is refused with 503 or waits; nothing is parked; all goes on by itself',
  boundMs: 90_000,
  async inject(context) {
    const { world, load, verify } = context;
    const parkedBefore = await parkedStreams(world);
    await readOnlyFor(context, 8_000);
    await withoutConnectionsFor(context, 8_000);
    await load.stop();
    verify('no stream is parked for it', (await parkedStreams(world)) === parkedBefore);
  },
  async check({ world, verify, load }) {
    const { status } = await load.stage.api.call('GET', '/api/v1/applications');
    verify('commands and reads are answered again', status === 200, String(status));
    verify('the database may be written to', !(await isReadOnly(world)));
  },
};

/** As a standby, or a primary that is being taken out: every write is refused (25006), reads go on. */
async function readOnlyFor({ world, load, injected, verify }: FaultContext, forMs: number): Promise<void> {
  const name = pg.escapeIdentifier(decodeURIComponent(new URL(world.postgres.url).pathname.slice(1)));
  const { api, demo } = load.stage;
  await world.database.query(`alter database ${name} set default_transaction_read_only = on`);
  try {
    // Only new sessions are read-only.
    world.relay.cutAll();
    injected('PostgreSQL read-only');
    await sleep(forMs / 2);
    const { status } = await api.call('POST', `/api/v1/applications/${demo.names[0]}/sync`, { body: {} });
    verify('a command that cannot be stored is answered with 503', status === 503, String(status));
    await sleep(forMs / 2);
  } finally {
    await withWriter(world, (writer) => writer.query(`alter database ${name} reset default_transaction_read_only`));
    world.relay.cutAll();
  }
}

/** Somebody else takes every connection that the server gives: 53300 for the services. */
async function withoutConnectionsFor({ world, injected, verify }: FaultContext, forMs: number): Promise<void> {
  const taken: pg.Client[] = [];
  const until = Date.now() + forMs;
  try {
    world.relay.cutAll();
    while (Date.now() < until) {
      const client = new pg.Client({ connectionString: world.postgres.url });
      client.on('error', () => undefined);
      try {
        await client.connect();
        taken.push(client);
      } catch {
        // There is none left: whoever gives one back shall not get it again.
        world.relay.cutAll();
        await sleep(200);
      }
    }
  } finally {
    await Promise.all(taken.map((client) => client.end()));
  }
  injected('PostgreSQL without a connection left');
  verify('there was no connection left', taken.length > 50, `${taken.length} were taken`);
}

/** A session of its own that may write whatever the database's default is. */
async function withWriter(world: World, work: (writer: pg.Client) => Promise<unknown>): Promise<void> {
  const writer = new pg.Client({ connectionString: world.postgres.url, options: '-c default_transaction_read_only=off' });
  await writer.connect();
  try {
    await work(writer);
  } finally {
    await writer.end();
  }
}

async function isReadOnly({ postgres }: World): Promise<boolean> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    const { rows } = await client.query<{ setting: string }>(`select current_setting('transaction_read_only') as setting`);
    return rows[0]!.setting !== 'off';
  } finally {
    await client.end();
  }
}

/** Streams that any consumer of any service has parked. */
async function parkedStreams({ database }: World): Promise<number> {
  const { rows } = await database.query<{ schema: string }>(`select schemaname as schema from pg_tables where tablename = 'parked_event'`);
  if (rows.length === 0) throw new Error('no schema has a table parked_event: where are streams parked?');
  let count = 0;
  for (const { schema } of rows) {
    const parked = await database.query<{ count: string }>(
      `select count(distinct (consumer, stream)) as count from ${pg.escapeIdentifier(schema)}.parked_event`,
    );
    count += Number(parked.rows[0]!.count);
  }
  return count;
}
