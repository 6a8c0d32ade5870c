import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makePostgresEventLog, openPool } from '@plumbline/event-log';
import type { PostgresEventLog } from '@plumbline/event-log';
import { makeEventMaker } from '@plumbline/platform';
import { makeInstallation } from '@plumbline/testing/installation';
import type { Installation } from '@plumbline/testing/installation';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { receive } from '../../fixture/receiver.ts';
import type { Receiver } from '../../fixture/receiver.ts';
import { callSubscriptions, configure, localReceivers, signSessions } from '../../fixture/subscription-door.ts';

const soon = { timeout: 90_000, interval: 50 };
const folder = fileURLToPath(new URL('../..', import.meta.url));
const event = makeEventMaker('test');
let installation: Installation;
let log: PostgresEventLog;
let receiver: Receiver;
let api: { process: ChildProcess; url: string } | undefined;
/** Everything that any of the processes said, at the level that says most. */
let output = '';

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};
async function start(): Promise<{ process: ChildProcess; url: string }> {
  const port = await freePort();
  const env = { ...process.env, ...installation.env, PLUMBLINE_HTTP_PORT: String(port), PLUMBLINE_LOG_LEVEL: 'debug' };
  const child = spawn(process.execPath, ['dist/main.js'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const url = `http://127.0.0.1:${port}`;
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status, output.slice(-2_000)).toBe(200), soon);
  return { process: child, url };
}
async function kill(): Promise<void> {
  if (api === undefined) return;
  const gone = once(api.process, 'exit');
  api.process.kill('SIGKILL');
  await gone;
}
const say = async (stream: string, tokenId: string): Promise<number> => {
  const events = [event('TokenRevoked', { subject: 'x', tokenId }, { cause: randomUUID() })];
  return (await log.append([{ stream, events }])).at(-1)!.position;
};

beforeAll(async () => {
  // A process runs what was built: decorators need the compiler.
  const compiler = fileURLToPath(import.meta.resolve('typescript/package.json')).replace('package.json', 'bin/tsc');
  await promisify(execFile)(process.execPath, [compiler, '-b', folder]);
  installation = await makeInstallation();
  await signSessions(installation);
  await configure(installation, localReceivers);
  receiver = await receive();
  api = await start();
  log = makePostgresEventLog({ connection: installation.env['PLUMBLINE_DATABASE_URL']!, announce: () => undefined });
}, 120_000);
afterAll(async () => {
  await kill();
  receiver?.close();
  await log?.close();
  await installation?.remove();
}, 120_000);

it('loses nothing and keeps the order when the process is killed while it delivers', { timeout: 240_000 }, async () => {
  // What a receiver is sent is nobody else's business: its address holds a token, as those of chats do.
  const token = `token-${randomUUID()}`;
  const { status, body } = await callSubscriptions(api!.url, 'POST', '', {
    body: { name: 'killed', url: `${receiver.url}/${token}`, filter: { category: ['account'] } },
  });
  expect(status).toBe(201);
  const wanted = new Map<string, number[]>();
  const more = async (round: number): Promise<void> => {
    for (let index = 0; index < 40; index++) {
      const stream = `account-k${index % 4}`;
      wanted.set(stream, [...(wanted.get(stream) ?? []), await say(stream, `${round}-${index}`)]);
    }
  };
  const got = (): Map<string, number[]> => {
    const streams = new Map<string, number[]>();
    for (const { event: sent } of receiver.heard) {
      const positions = streams.get(sent.subject) ?? [];
      // At least once: what was on its way is sent again, right after itself.
      if (positions.at(-1) !== Number(sent.position)) positions.push(Number(sent.position));
      streams.set(sent.subject, positions);
    }
    return streams;
  };
  for (let round = 0; round < 3; round++) {
    const before = receiver.heard.length;
    // Some fail first, so that there is something to be forgotten.
    receiver.answers = [{ status: 500 }, { status: 503 }, { status: 500 }];
    await more(round);
    await vi.waitFor(() => expect(receiver.heard.length).toBeGreaterThan(before + 3), soon);
    await kill();
    await more(round + 10);
    api = await start();
  }
  await vi.waitFor(() => expect(got()).toEqual(wanted), soon);
  expect([...wanted.values()].flat()).toHaveLength(240);

  const key = body.secret.slice('whsec_'.length);
  const secrets = [key, Buffer.from(key, 'base64').toString('hex'), encodeURIComponent(key), Buffer.from(body.secret).toString('base64'), token];
  expect(output).toContain('"level":"debug"');
  for (const secret of secrets) expect(output).not.toContain(secret);
  const tables = openPool(installation.env['PLUMBLINE_DATABASE_URL']!, { connections: 1 });
  const { rows } = await tables.query<{ schema: string; name: string }>(
    `select table_schema as schema, table_name as name from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`,
  );
  expect(rows.map((row) => row.name)).toContain('delivery');
  for (const { schema, name } of rows) {
    const content = (await tables.query<{ row: string }>(`select t::text as row from "${schema}"."${name}" t`)).rows.map(({ row }) => row).join('\n');
    for (const secret of secrets) expect(content.includes(secret), name).toBe(false);
  }
  await tables.end();
  const redis = new Redis(installation.env['PLUMBLINE_REDIS_URL']!);
  for (const found of await redis.keys(`*${installation.env['PLUMBLINE_PREFIX']}*`)) {
    const content = `${found} ${String(await redis.dump(found))}`;
    for (const secret of secrets) expect(content.includes(secret), found).toBe(false);
  }
  redis.disconnect();
});
