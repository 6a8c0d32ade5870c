import { randomUUID } from 'node:crypto';
import { makeLocalAnnouncements } from '../announce.ts';
import { describeEventLog } from '../contract.ts';
import { sampleUpcast } from '../contract/sample-events.ts';
import { makeMemoryCheckpoints } from './memory-checkpoints.ts';
import { makeMemoryDatabase } from './memory-database.ts';
import { makeMemoryEventLog } from './memory-event-log.ts';

describeEventLog('in memory', async () => {
  const database = makeMemoryDatabase();
  const announcements = makeLocalAnnouncements();
  const log = makeMemoryEventLog({ database, announce: announcements.announce, clock: Date.now, newId: randomUUID, upcast: sampleUpcast });
  return {
    log,
    leases: log.leases,
    announcements,
    checkpoints: makeMemoryCheckpoints(database),
    projection: {
      async add(tx, event) {
        tx.table<string>('applied').set(randomUUID(), event.id);
      },
      tables: [{ name: 'applied', ddl: [] }],
      read: async (tx) =>
        tx
          .table<string>('applied')
          .entries()
          .map(([, id]) => id),
      ids: async () => database.rows<string>('applied').map(([, id]) => id),
    },
    tamper: async (position) => log.tamper(position, '{"changed":true}'),
    recoverTo: async (position) => log.recoverTo(position),
    dropFirstThree: async () => log.dropBefore(4),
    close: () => log.close(),
  };
});
