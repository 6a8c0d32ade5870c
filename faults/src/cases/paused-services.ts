import { setTimeout as sleep } from 'node:timers/promises';
import { serviceNames } from '@plumbline/tools';
import type { FaultCase } from './fault-case.ts';

/** The lease of a cluster lives 15 s. */
const longerThanLeaseMs = 18_000;

export const pauseCases: readonly FaultCase[] = [
  {
    id: 'pause-each',
    rows: ['F17'],
    title: 'each service stopped (SIGSTOP) for a moment and continued (SIGCONT) under load',
    expected: 'goes on as if nothing had been',
    boundMs: 60_000,
    async inject({ world, random, scale, injected }) {
      for (let round = 0; round < scale; round++) {
        for (const name of serviceNames) {
          const service = world.services.get(name)!;
          await sleep(random.int(0, 500));
          service.signal('SIGSTOP');
          injected(`SIGSTOP ${name}`);
          await sleep(random.int(300, 3_000));
          service.signal('SIGCONT');
        }
      }
    },
  },
  {
    id: 'pause-syncer-long',
    rows: ['F17', 'F19'],
    title: 'syncer stopped (SIGSTOP) for longer than its lease lives, without a successor',
    expected: 'it writes nothing before its lease is renewed, then goes on',
    boundMs: 60_000,
    async inject({ world, random, injected }) {
      const syncer = world.services.get('syncer')!;
      await sleep(random.int(0, 1_000));
      syncer.signal('SIGSTOP');
      injected('SIGSTOP syncer, longer than its lease');
      await sleep(longerThanLeaseMs);
      syncer.signal('SIGCONT');
    },
  },
];
