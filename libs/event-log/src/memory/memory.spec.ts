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
        tx.table<string>('projection').set(randomUUID(), event.id);
      },
      async reset(tx) {
        const table = tx.table<string>('projection');
        for (const [key] of table.entries()) table.delete(key);
      },
      ids: async () => database.rows<string>('projection').map(([, id]) => id),
    },
    tamper: async (position) => log.tamper(position, '{"changed":true}'),
    recoverTo: async (position) => log.recoverTo(position),
    dropFirstThree: async () => log.dropBefore(4),
    close: () => log.close(),
  };
});
