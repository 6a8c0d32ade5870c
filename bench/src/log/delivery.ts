import { randomBytes, randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { announceOn, makeAnnouncements, makeNatsBus } from '@plumbline/bus';
import { noMetrics, silentLogger } from '@plumbline/contracts';
import { makePostgresEventLog, migrateEventLog, openPool } from '@plumbline/event-log';
import { print, summary } from '../measure.ts';
import { sampleBatch } from './sample.ts';

const idleAppends = 200;
const idlePauseMs = 20;
const perSecond = 1_000;
const loadMs = 5_000;
/** Ten appends of one event at a time, each hundredth of a second. */
const tickMs = 10;

/** From the call of append to a subscriber that hears of the event over NATS, as in production. */
export async function benchDelivery(databaseUrl: string, natsUrl: string): Promise<void> {
  const pool = openPool(databaseUrl, { connections: 4 });
  await migrateEventLog(pool);
  const prefix = `bench-${randomUUID().slice(0, 8)}`;
  const bus = (service: string) => makeNatsBus({ url: natsUrl, prefix, service, log: silentLogger, metrics: noMetrics });
  const key = randomBytes(32);
  const [writer, reader] = [bus('writer'), bus('reader')];
  const log = makePostgresEventLog({ connection: pool, announce: announceOn(writer, { key }) });
  const sentAt = new Map<string, number>();
  let latencies: number[] = [];
  const unsubscribe = makeAnnouncements(reader, { key, metrics: noMetrics }).subscribe(({ events = [] }) => {
    const now = performance.now();
    for (const { id } of events) latencies.push(now - (sentAt.get(id) ?? now));
  });
  const append = (): Promise<unknown> => {
    const batch = sampleBatch(1);
    for (const { events } of batch) for (const { id } of events) sentAt.set(id, performance.now());
    return log.append(batch);
  };
  const report = async (figure: string, sent: number): Promise<void> => {
    await sleep(500);
    print(figure, { ...summary(latencies), sent, heard: latencies.length });
    latencies = [];
    sentAt.clear();
  };
  try {
    while (!writer.isConnected() || !reader.isConnected()) await sleep(10);
    for (let i = 0; i < 20; i++) await append();
    await sleep(500);
    latencies = [];

    for (let i = 0; i < idleAppends; i++) {
      await append();
      await sleep(idlePauseMs);
    }
    await report('log: append to subscriber over NATS, idle, ms', idleAppends);

    const appends: Promise<unknown>[] = [];
    const started = performance.now();
    for (let tick = 1; performance.now() - started < loadMs; tick++) {
      for (let i = 0; i < (perSecond * tickMs) / 1000; i++) appends.push(append());
      await sleep(Math.max(0, started + tick * tickMs - performance.now()));
    }
    const seconds = (performance.now() - started) / 1000;
    await Promise.all(appends);
    await report(`log: append to subscriber over NATS at ${Math.round(appends.length / seconds)} events/s, ms`, appends.length);
  } finally {
    unsubscribe();
    await Promise.all([writer.close(), reader.close()]);
    await log.close();
    await pool.end();
  }
}
