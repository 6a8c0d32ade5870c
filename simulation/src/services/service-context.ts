import type { BlobStore, Sealer } from '@plumbline/blobs';
import { announcementKey, announceOn, makeAnnouncements } from '@plumbline/bus';
import { noMetrics, upcast, type Logger } from '@plumbline/contracts';
import {
  makePostgresCheckpoints,
  makePostgresEventLog,
  makePostgresLeases,
  runConsumer,
  sqlExecutorOf,
  transactionsOf,
  upcastAnnouncements,
  type PostgresEventLog,
  type RunningConsumer,
} from '@plumbline/event-log';
import type { CheckpointStore } from '@plumbline/event-log';
import { makeEventMaker, type ServiceContext } from '@plumbline/platform';
import type { Plant } from '../plants.ts';
import type { Faults } from '../faults.ts';
import { schemaOf, type Databases } from '../sql/database.ts';
import type { Process } from '../time/process.ts';
import { simulatedBlobs } from '../twins/simulated-blobs.ts';
import type { SimulatedNetwork } from '../twins/simulated-bus.ts';
import type { SimulatedJobs } from '../twins/simulated-jobs.ts';

/** What all services of one simulation share. */
export interface Outside {
  plant: Plant | undefined;
  databases: Databases;
  faults: Faults;
  network: SimulatedNetwork;
  jobs: SimulatedJobs;
  blobs: BlobStore;
  sealer: Sealer;
  key: Buffer;
  loggerOf(process: Process): Logger;
  /** Told of each consumer that starts. */
  consumes(process: Process, started: RunningConsumer): void;
}

export const controlNamespace = 'argocd';

/** What the platform's shell gives a service, on twins. */
export function serviceContext<C>(
  service: string,
  process: Process,
  { outside, own, instance }: { outside: Outside; own: C; instance: string },
): ServiceContext<C> {
  const { databases, faults, network, jobs, blobs, sealer, key } = outside;
  const log = outside.loggerOf(process);
  const bus = network.busOf(process, log);
  const announcements = upcastAnnouncements(makeAnnouncements(bus, { key: announcementKey(key), metrics: noMetrics }), upcast);
  const soundLog = makePostgresEventLog({ connection: databases.logPool, announce: announceOn(bus, { key: announcementKey(key) }), upcast });
  const eventLog = outside.plant === 'no-fence' ? unfenced(soundLog) : soundLog;
  const transaction = soundLog.announcing(transactionsOf(databases.poolOf(service)));
  const sound = makePostgresCheckpoints({ schema: schemaOf(service), transaction });
  const checkpoints: typeof sound = outside.plant === 'skip-checkpoint' ? unmoved(sound) : sound;
  const clock = (): number => Date.now();
  const platform = {
    databaseUrl: '',
    natsUrl: '',
    prefix: 'sim',
    key,
    instance,
    namespace: controlNamespace,
    httpHost: '',
    httpPort: 0,
    dataDir: '/',
    logLevel: 'info',
    version: 'simulated',
  };
  return {
    name: service,
    config: { ...platform, ...own },
    log,
    metrics: noMetrics,
    clock,
    database: databases.of(service),
    eventLog,
    leases: makePostgresLeases(sqlExecutorOf(databases.logPool)),
    announcements,
    blobs: simulatedBlobs(blobs, faults),
    sealer,
    bus,
    jobs: jobs.jobsOf(process),
    transaction,
    async consume(consumer) {
      const started = await runConsumer({
        log: eventLog,
        announcements,
        checkpoints,
        consumer,
        clock,
        logger: log,
        owner: instance,
        version: platform.version,
      });
      outside.consumes(process, started);
      return started;
    },
    event: makeEventMaker(service),
    shutdown: new AbortController().signal,
  };
}

/** A log that takes appends from whoever believes that he owns something. */
const unfenced = (log: PostgresEventLog): PostgresEventLog => ({
  ...log,
  append: (batch, { tx } = {}) => log.append(batch, tx === undefined ? {} : { tx }),
});

/** Checkpoints that stay where they are, whatever is asked for. */
const unmoved = <Tx>(checkpoints: CheckpointStore<Tx>): CheckpointStore<Tx> => ({
  ...checkpoints,
  move: () => Promise.resolve(true),
  advance: (_tx, _consumer, moves) => Promise.resolve(new Set(moves.map(({ from }) => from.bucket))),
});
