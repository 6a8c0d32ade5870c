/**
 * Append, replay and the machine's bare inserts beside them, as JSON lines:
 *   node --conditions=@plumbline/source libs/event-log/bench/append.ts [seconds per case]
 * PostgreSQL at TEST_POSTGRES_URL; a database of its own, dropped at the end.
 */
import { randomUUID } from 'node:crypto';
import { makePostgresEventLog, migrateEventLog, openPool } from '@plumbline/event-log';
import type { NewEvent } from '@plumbline/contracts';

const server = process.env['TEST_POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const seconds = Number(process.argv[2] ?? 5);
const name = `bench_${randomUUID().replaceAll('-', '')}`;
const admin = openPool(server, { connections: 1 });
await admin.query(`create database ${name}`);
const pool = openPool(Object.assign(new URL(server), { pathname: `/${name}` }).href, { connections: 4 });
await migrateEventLog(pool);
const log = makePostgresEventLog({ connection: pool, announce: () => undefined });

const filler = 'x'.repeat(150);
const event = (i: number): NewEvent => ({
  id: randomUUID(),
  type: 'HealthChanged',
  data: { application: `demo-${i % 100}`, health: 'Healthy', message: filler },
  metadata: { actor: 'system:syncer', service: 'syncer', schemaVersion: 1, correlation: 'c0ffee00-0000-4000-8000-000000000000' },
});

async function measure(what: string, perCall: number, call: () => Promise<unknown>, lanes = 1): Promise<void> {
  for (let i = 0; i < 20; i++) await call();
  const times: number[] = [];
  const begin = performance.now();
  const end = begin + seconds * 1000;
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (performance.now() < end) {
        const start = performance.now();
        await call();
        times.push(performance.now() - start);
      }
    }),
  );
  const took = (performance.now() - begin) / 1000;
  times.sort((a, b) => a - b);
  const at = (q: number): number => Number((times[Math.floor(times.length * q)] ?? 0).toFixed(2));
  console.log(JSON.stringify({ what, perSecond: Math.round((times.length * perCall) / took), p50Ms: at(0.5), p99Ms: at(0.99) }));
}

await pool.query('create table bare (position bigint primary key, id uuid, stream text, version int, type text, metadata text, data text, at timestamptz default now(), unique (stream, version))');
let position = 0;
const bare = (size: number) => async () => {
  const events = Array.from({ length: size }, (_, i) => event(i));
  await pool.query('insert into bare (position, id, stream, version, type, metadata, data) select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])', [
    events.map(() => ++position),
    events.map((e) => e.id),
    events.map((_, i) => `application-${i % 100}`),
    events.map(() => position + Math.random() * 0 + ++versions),
    events.map((e) => e.type),
    events.map((e) => JSON.stringify(e.metadata)),
    events.map((e) => JSON.stringify(e.data)),
  ]);
};
let versions = 0;
const appendTo = (size: number, streams: number) => () =>
  log.append(
    Array.from({ length: streams }, (_, s) => ({ stream: `application-${s}`, events: Array.from({ length: size / streams }, (_, i) => event(s * i)) })),
  );
let lane = 0;

for (const size of [1, 100, 500]) {
  await measure(`bare unnest insert, ${size} a call`, size, bare(size));
  await measure(`append, ${size} a call, 1 stream`, size, appendTo(size, 1));
  if (size > 1) await measure(`append, ${size} a call, ${size / 2} streams`, size, appendTo(size, size / 2));
}
await measure('append, 1 a call, 64 at a time, group commit', 1, () => log.append([{ stream: `application-${lane++ % 1000}`, events: [event(lane)] }]), 64);

let read = 0;
let after = 0;
const start = performance.now();
for (;;) {
  const page = await log.readFeed({ after, limit: 1000 });
  read += page.events.length;
  after = page.events.at(-1)?.position ?? after;
  if (after === page.head || performance.now() - start > seconds * 1000) break;
}
console.log(JSON.stringify({ what: 'replay, 1000 a page', perSecond: Math.round(read / ((performance.now() - start) / 1000)) }));
await pool.end();
await admin.query(`drop database ${name}`);
await admin.end();
