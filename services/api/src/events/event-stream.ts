import type { ServerResponse } from 'node:http';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import type { TailEvent } from './event-tail.ts';
import { patientWrite } from './patient-write.ts';
import type { SubscriptionMessage } from './subscription.ts';

/**
 * A subscription as server-sent events. The id of each message is the position from which a client resumes
 * (`Last-Event-ID`). Besides the events there are `head` (progress, at first and each 15 seconds), `generation-changed`,
 * and `cut` before the server ends the stream: why, and from where to resume.
 * A client that takes nothing for 30 seconds is cut without a word, which it would not take either.
 */
export async function writeStream(response: ServerResponse, messages: AsyncIterable<SubscriptionMessage>, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  const send = (chunk: string | Buffer): Promise<boolean> => patientWrite(response, chunk, signal, limits.streamDrainMs);
  let resumeAfter = '';
  try {
    for await (const message of messages) {
      if (message.kind === 'events') {
        const { event } = message.events.at(-1)!;
        for (const chunk of chunksOf(message.events)) if (!(await send(chunk))) return;
        resumeAfter = String(event.position);
      } else {
        const { text, position } = control(message);
        if (!(await send(text))) return;
        resumeAfter = String(position);
      }
    }
  } catch (error) {
    const { code, message } = AppError.from(error);
    // The status is sent: all that is left is to say why, and to end.
    await send(`event: cut\ndata: ${JSON.stringify({ code, message, resumeAfter })}\n\n`);
  }
}

function control(message: Exclude<SubscriptionMessage, { kind: 'events' }>): { text: string; position: number } {
  const { kind, ...data } = message;
  if (message.kind === 'progress')
    return {
      position: message.position,
      text: `: heartbeat\nid: ${message.position}\nevent: head\ndata: ${JSON.stringify(data)}\n\n`,
    };
  return { position: message.resumeAfter, text: `event: ${kind}\nid: ${message.resumeAfter}\ndata: ${JSON.stringify(data)}\n\n` };
}

/** Many small writes cost more than one, and subscribers at the same place get the same: it is put together once. */
const recent: { events: readonly TailEvent[]; chunks: readonly Buffer[] }[] = [];

function chunksOf(events: readonly TailEvent[]): readonly Buffer[] {
  const first = events[0]!;
  if (events.length === 1) return [first.message];
  const known = recent.find((one) => one.events.length === events.length && one.events.every((event, index) => event === events[index]));
  if (known !== undefined) return known.chunks;
  const chunks: Buffer[] = [];
  let pending: Buffer[] = [];
  let sizeBytes = 0;
  for (const { message } of events) {
    pending.push(message);
    sizeBytes += message.length;
    if (sizeBytes < limits.writeBytesMax) continue;
    chunks.push(Buffer.concat(pending));
    pending = [];
    sizeBytes = 0;
  }
  if (pending.length > 0) chunks.push(Buffer.concat(pending));
  // A page of big events is some hundred megabytes: it is not kept for whoever may come.
  if (chunks.length > 1) return chunks;
  recent.unshift({ events, chunks });
  // Those who follow the end are at one or two places; who is behind is alone at theirs.
  if (recent.length > limits.joinedWritesMax) recent.pop();
  return chunks;
}
