import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { httpErrorOf } from '@plumbline/platform';
import { limits } from '../limits.ts';
import type { Delivery } from './subscription.ts';

/**
 * Deliveries as server-sent events, until they end. Every message carries the position to resume from as its id. A client
 * that takes nothing for 30 seconds is cut; the last message says so, and from where to resume.
 *
 * What fails before the first delivery is thrown, with the response untouched; later it is the last message.
 */
export async function streamEvents(
  response: ServerResponse,
  deliveries: AsyncGenerator<Delivery>,
  signal: AbortSignal,
  patienceMs: number = limits.streamDrainMs,
): Promise<void> {
  let next = await deliveries.next();
  let position = 0;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
  try {
    for (; next.done !== true; next = await deliveries.next()) {
      position = positionOf(next.value);
      if (!(await send(response, textOf(next.value), signal, patienceMs))) break;
    }
  } catch (error) {
    const { body } = httpErrorOf(error, () => AppError.from(error).code);
    await end(response, `event: error\ndata: ${JSON.stringify({ ...body, resumeFrom: position })}\n\n`);
    return;
  } finally {
    await deliveries.return(undefined);
  }
  if (signal.aborted || response.destroyed) return;
  const reason = `nothing was taken for ${patienceMs / 1000} seconds`;
  await end(response, `event: cut\nid: ${position}\ndata: ${JSON.stringify({ reason, resumeFrom: position })}\n\n`);
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

function positionOf(delivery: Delivery): number {
  switch (delivery.kind) {
    case 'events':
      return delivery.batch.next;
    case 'head':
      return delivery.position;
    case 'generation-changed':
      return delivery.resumeFrom;
  }
}

function textOf(delivery: Delivery): string | Buffer {
  switch (delivery.kind) {
    case 'events':
      return delivery.batch.sse();
    case 'head': {
      const { position, head, generation } = delivery;
      return `: heartbeat\nevent: head\nid: ${position}\ndata: ${JSON.stringify({ head, generation, position })}\n\n`;
    }
    case 'generation-changed': {
      const { generation, resumeFrom } = delivery;
      return `event: generation-changed\nid: ${resumeFrom}\ndata: ${JSON.stringify({ generation, resumeFrom })}\n\n`;
    }
  }
}

/** False: the client is gone, or took nothing for too long. */
export async function send(response: ServerResponse, text: string | Buffer, signal: AbortSignal, patienceMs: number = limits.streamDrainMs): Promise<boolean> {
  if (signal.aborted || response.destroyed) return false;
  if (response.write(text)) return true;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  try {
    await once(response, 'drain', { signal: patience });
    return true;
  } catch {
    return false;
  }
}

/** The last words, for which a client that is slow gets some time. */
export async function end(response: ServerResponse, text: string): Promise<void> {
  response.end(text);
  await once(response, 'finish', { signal: AbortSignal.timeout(limits.cutGraceMs) }).catch(() => undefined);
}
