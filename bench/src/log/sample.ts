import { randomUUID } from 'node:crypto';
import type { NewEvent } from '@plumbline/contracts';
import type { StreamAppend } from '@plumbline/event-log';

const streamsMax = 10_000;
const eventsPerStream = 5;
let next = 0;

/** About 300 bytes of data and metadata, as a change of judgement has. */
function newEvent(): NewEvent {
  return {
    id: randomUUID(),
    type: 'HealthChanged',
    data: { status: 'Progressing', resources: [{ key: 'apps/Deployment/shop/checkout', status: 'Progressing', message: 'waiting for rollout' }], gone: [] },
    metadata: { actor: 'system:syncer', causation: randomUUID(), correlation: randomUUID(), service: 'syncer', schemaVersion: 1 },
  };
}

/** So many events as one append, five for each stream, over ten thousand streams in turn. */
export function sampleBatch(size: number): StreamAppend[] {
  const batch: StreamAppend[] = [];
  for (let left = size; left > 0; left -= eventsPerStream) {
    const stream = `application-shop/app-${next++ % streamsMax}/0c6c2f7e-5a52-4d53-8a9a-6f1f1d0f7a11`;
    batch.push({ stream, events: Array.from({ length: Math.min(left, eventsPerStream) }, newEvent) });
  }
  return batch;
}
