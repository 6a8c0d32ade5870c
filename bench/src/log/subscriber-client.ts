import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { EventService } from '@plumbline/contracts/proto/events';
import { summary } from '../measure.ts';

/** What the process of the subscribers is told. */
export interface ClientTask {
  mode: 'sse' | 'grpc' | 'socket';
  url: string;
  token: string;
  subscribers: number;
  after: number;
}

export interface ClientReport {
  messages: number;
  lost: number;
  repeated: number;
  /** From before the append to the client. */
  latencyMs: ReturnType<typeof summary>;
}

/** Every n-th latency is kept: a million of them are more than the figure is worth. */
const sampledEach = 7;
const counted = { messages: 0, repeated: 0, gaps: 0 };
const latencies: number[] = [];

/** Counts a message and answers its position, which is the last one now. */
function take(position: number, last: number, saidAt: number | undefined): number {
  counted.messages++;
  if (position <= last) counted.repeated++;
  else counted.gaps += position - last - 1;
  // Events that others say have no time in them: they count, their latency doesn't.
  if (saidAt !== undefined && counted.messages % sampledEach === 0) latencies.push(performance.timeOrigin + performance.now() - saidAt);
  return position;
}

process.once('message', (task: ClientTask) => {
  const open = { sse: followEvents, grpc: followCalls, socket: followSocket }[task.mode];
  process.once('message', (stop: { head: number }) => void report(task, stop.head));
  void Promise.all(Array.from({ length: task.subscribers }, () => open(task))).then(() => process.send?.('open'));
});

/** Every subscriber must reach the head within ten seconds; what is not there by then is lost. */
async function report({ after, subscribers }: ClientTask, head: number): Promise<void> {
  const wanted = (head - after) * subscribers;
  for (let tries = 0; counted.messages < wanted && tries < 100; tries++) await sleep(100);
  const { messages, repeated, gaps } = counted;
  const answer: ClientReport = { messages, repeated, lost: Math.max(gaps, wanted - messages), latencyMs: summary(latencies) };
  process.send?.(answer, () => process.exit(0));
}

function followEvents({ url, token, after }: ClientTask): Promise<void> {
  return new Promise((resolve, reject) => {
    let last = after;
    let rest = '';
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
    const call = request(`${url}/api/v1/events?after=${after}`, { headers }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`answered ${response.statusCode}`));
      resolve();
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        const messages = (rest + text).split('\n\n');
        rest = messages.pop() ?? '';
        for (const message of messages) if (message.startsWith('id: ')) last = take(Number(/^id: (\d+)/.exec(message)?.[1]), last, saidAtOf(message));
      });
    });
    call.on('error', reject).end();
  });
}

async function followCalls({ url, token, after }: ClientTask): Promise<void> {
  const client = createClient(EventService, createGrpcTransport({ baseUrl: url }));
  const stream = client.subscribe({ after: BigInt(after) }, { headers: { authorization: `Bearer ${token}` } })[Symbol.asyncIterator]();
  await stream.next();
  void (async () => {
    let last = after;
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const { kind } = next.value;
      if (kind.case === 'event') last = take(Number(kind.value.position), last, saidAtOf(kind.value.data));
    }
  })();
}

function saidAtOf(text: string): number | undefined {
  const said = /"saidAt":([\d.]+)/.exec(text)?.[1];
  return said === undefined ? undefined : Number(said);
}

/** Calibration: lines of `position time filler` from a bare socket. */
function followSocket({ url, after }: ClientTask): Promise<void> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    let last = after;
    let rest = '';
    const socket = connect(Number(port), hostname, resolve);
    socket.setEncoding('utf8');
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [position, saidAt] = line.split(' ', 2);
        last = take(Number(position), last, Number(saidAt));
      }
    });
  });
}
