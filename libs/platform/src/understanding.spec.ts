import { randomUUID } from 'node:crypto';
import { upcast } from '@plumbline/contracts';
import { makeLocalAnnouncements, makeMemoryCheckpoints, makeMemoryDatabase, makeMemoryEventLog, runConsumer } from '@plumbline/event-log';
import { expect, it } from 'vitest';
import { understanding } from './understanding.ts';

it('parks the stream that a newer release wrote, and applies everything else, unknown types too', async () => {
  const database = makeMemoryDatabase();
  const announcements = makeLocalAnnouncements();
  const log = makeMemoryEventLog({ database, announce: announcements.announce, clock: Date.now, newId: randomUUID, upcast });
  const applied: string[] = [];
  const consumer = await runConsumer({
    log,
    announcements,
    checkpoints: makeMemoryCheckpoints(database),
    clock: Date.now,
    timer: (delayMs, run) => {
      const timeout = setTimeout(run, delayMs / 50);
      return () => clearTimeout(timeout);
    },
    consumer: understanding({
      name: 'test.understanding',
      apply: async (events) => void applied.push(...events.map(({ stream, type }) => `${stream} ${type}`)),
    }),
  });
  const say = (stream: string, type: string, schemaVersion: number) =>
    log.append([{ stream, events: [{ id: randomUUID(), type, data: { operationId: 'o' }, metadata: { actor: 'a', service: 's', schemaVersion } }] }]);
  await say('application-a/newer/u', 'SyncApplied', 99);
  await say('application-a/newer/u', 'SyncApplied', 1);
  await say('application-a/known/u', 'SyncApplied', 1);
  await say('application-a/known/u', 'InventedLater', 5);
  await consumer.waitFor(4, 500_000);
  expect(applied.toSorted()).toEqual(['application-a/known/u InventedLater', 'application-a/known/u SyncApplied']);
  expect(await consumer.parked()).toMatchObject([
    { stream: 'application-a/newer/u', position: 1, type: 'SyncApplied', error: expect.stringContaining('schema version 99, this release knows 1') },
  ]);
  await consumer.stop();
});
