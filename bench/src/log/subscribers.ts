import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { announcementKey, announceOn, makeNatsBus } from '@plumbline/bus';
import { noMetrics, silentLogger } from '@plumbline/contracts';
import type { NewEvent } from '@plumbline/contracts';
import { makePostgresEventLog } from '@plumbline/event-log';
import type { PostgresEventLog } from '@plumbline/event-log';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import { PlatformClient } from '@plumbline/testing/scenario';
import { print } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import type { ClientReport, ClientTask } from './subscriber-client.ts';

const eventsPerSecond = 1_000;
const tickMs = 10;
const sseSubscribers = 200;
const grpcSubscribers = 20;
/** Samples of memory over one figure. */
const rssSamples = 10;

/**
 * 200 subscribers by server-sent events, then 20 by gRPC (20,000 messages a second), each at 1,000 events a second, on a
 * running api. As many bytes over bare sockets come first. The clients are a process of their own; events are appended past
 * api, as other services do.
 *
 * @param seconds of each figure; 600 for the memory over ten minutes
 */
export async function benchSubscribers(platform: RunningPlatform, seconds: number): Promise<void> {
  await calibrateSockets(sseSubscribers, Math.min(seconds, 20));
  await using open = new AsyncDisposableStack();
  const bus = makeNatsBus({ url: platform.nats, prefix: platform.prefix, service: 'bench', log: silentLogger, metrics: noMetrics });
  open.defer(() => bus.close());
  const eventLog = makePostgresEventLog({ connection: platform.postgres, announce: announceOn(bus, { key: announcementKey(await keyOf(platform)) }) });
  open.defer(() => eventLog.close());
  const client = new PlatformClient(platform);
  open.defer(() => client.close());
  const token = await client.token();
  const pid = platform.services.find(({ name }) => name === 'api')!.pid;
  const load = { eventLog, seconds, pid };
  await measure({ mode: 'sse', subscribers: sseSubscribers, url: platform.api, token }, load);
  await measure({ mode: 'grpc', subscribers: grpcSubscribers, url: platform.grpc, token }, load);
}

/** Announcements are believed with a code of the installation's key. */
async function keyOf({ kubeconfig }: RunningPlatform): Promise<Buffer> {
  const kube = makeKubeClient({ connection: await loadConnection({ kubeconfigPath: kubeconfig, env: {} }), log: silentLogger });
  try {
    const secret = await kube.get({ group: '', version: 'v1', kind: 'Secret', namespace: 'argocd', name: 'plumbline-key' });
    return Buffer.from((secret!['data'] as { key: string }).key, 'base64');
  } finally {
    await kube.close();
  }
}

interface Load {
  eventLog: PostgresEventLog;
  seconds: number;
  pid: number;
}

async function measure(task: Omit<ClientTask, 'after'>, { eventLog, seconds, pid }: Load): Promise<void> {
  const after = (await eventLog.head()).position;
  const client = await startClient({ ...task, after });
  const before = usageOf(pid).cpuSeconds;
  const rssMb: number[] = [];
  const sent = await atRate(seconds, async (due, share) => {
    await eventLog.append([{ stream: `command-${randomUUID()}`, events: Array.from({ length: due }, sampleEvent) }]);
    if (share * rssSamples >= rssMb.length) rssMb.push(usageOf(pid).rssMb);
  });
  const cpu = usageOf(pid).cpuSeconds - before;
  const { latencyMs, messages, lost, repeated } = await endClient(client, (await eventLog.head()).position);
  print(`log: ${task.subscribers} ${task.mode} subscribers at ${Math.round(sent / seconds)} events/s for ${seconds} s, append to client, ms`, {
    ...latencyMs,
    messagesPerSecond: Math.round(messages / seconds),
    lost,
    repeated,
    apiCpuShare: rounded(cpu / seconds),
    apiRssMb: rssMb,
  });
}

async function calibrateSockets(subscribers: number, seconds: number): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.setNoDelay(true)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = await startClient({ mode: 'socket', url, token: '', subscribers, after: 0 });
  // The clients' connections are open before the server knows of all of them.
  while (sockets.size < subscribers) await sleep(tickMs);
  const before = process.cpuUsage();
  let position = 0;
  const filler = 'x'.repeat(500);
  await atRate(seconds, async (due) => {
    const saidAt = performance.timeOrigin + performance.now();
    const text = Buffer.from(Array.from({ length: due }, () => `${++position} ${saidAt} ${filler}\n`).join(''));
    for (const socket of sockets) socket.write(text);
  });
  const { user, system } = process.cpuUsage(before);
  const { latencyMs, messages, lost } = await endClient(client, position);
  print(`calibration: as many bytes to ${subscribers} bare sockets, ms`, {
    ...latencyMs,
    messagesPerSecond: Math.round(messages / seconds),
    lost,
    cpuShare: rounded((user + system) / 1_000_000 / seconds),
  });
  for (const socket of sockets) socket.destroy();
  server.close();
}

/** Calls `say` each hundredth of a second with as many events as are due; answers how many that were. */
async function atRate(seconds: number, say: (due: number, share: number) => Promise<void>): Promise<number> {
  const started = performance.now();
  let sent = 0;
  for (;;) {
    const passed = (performance.now() - started) / 1000;
    if (passed >= seconds) return sent;
    const due = Math.floor(passed * eventsPerSecond) - sent;
    if (due > 0) await say(due, passed / seconds);
    sent += due;
    await sleep(tickMs);
  }
}

function sampleEvent(): NewEvent {
  const saidAt = performance.timeOrigin + performance.now();
  const data = { command: 'sync', target: 'application argocd/web', from: '127.0.0.1', parameters: { text: 'x'.repeat(200), saidAt } };
  return { id: randomUUID(), type: 'CommandAccepted', data, metadata: { actor: 'bench', service: 'bench', schemaVersion: 1 } };
}

async function startClient(task: ClientTask): Promise<ChildProcess> {
  const client = fork(join(import.meta.dirname, `subscriber-client${extname(import.meta.filename)}`));
  client.send(task);
  await once(client, 'message');
  return client;
}

async function endClient(client: ChildProcess, head: number): Promise<ClientReport> {
  client.send({ head });
  const [report] = (await once(client, 'message')) as [ClientReport];
  return report;
}

/** Of Linux: /proc/<pid>/stat counts in hundredths of a second, statm in pages of 4 KiB. */
function usageOf(pid: number): { cpuSeconds: number; rssMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const resident = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, rssMb: Math.round((resident * 4) / 1024) };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
