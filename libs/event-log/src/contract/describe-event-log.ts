import type { RecordedEvent } from '@plumbline/contracts';
import { afterEach, beforeEach, describe } from 'vitest';
import type { AuditedLog } from '../audit/audited-log.ts';
import type { CheckpointStore } from '../consumer/checkpoints.ts';
import type { AnnouncementSource, EventLog, Leases, ProjectionTable } from '../port.ts';
import { appendCases } from './append-cases.ts';
import { auditCases } from './audit-cases.ts';
import { concurrencyCases } from './concurrency-cases.ts';
import { consumerCases } from './consumer-cases.ts';
import { feedCases } from './feed-cases.ts';
import { leaseCases } from './lease-cases.ts';
import { parkingCases } from './parking-cases.ts';
import { rebuildCases } from './rebuild-cases.ts';
import { replicaCases } from './replica-cases.ts';

/** An empty log with what surrounds it. */
export interface LogUnderTest<Tx> {
  log: EventLog<Tx> & AuditedLog;
  leases: Leases;
  announcements: AnnouncementSource;
  checkpoints: CheckpointStore<Tx>;
  /** A table that takes the same event twice, so that a test can tell. */
  projection: {
    add(tx: Tx, event: RecordedEvent): Promise<void>;
    /** It, and only it. */
    tables: readonly ProjectionTable[];
    /** In this transaction, in the order in which they were added. */
    read(tx: Tx): Promise<string[]>;
    /** Event ids in the order in which they were added. */
    ids(): Promise<string[]>;
  };
  /** Changes the data of a recorded event behind the log's back. */
  tamper(position: number): Promise<void>;
  /** As after a recovery from an older copy: a new generation that ends at `position`. */
  recoverTo(position: number): Promise<void>;
  /** Exports and drops what comes before position 4; at least five events must be there. */
  dropFirstThree(): Promise<void>;
  /** Ends the transaction as a crash of the process or the server would. Absent where nothing can crash. */
  crash?: (tx: Tx) => Promise<void>;
  /** Statements that must be refused. Absent where there is no SQL. */
  forbidden?: { what: string; run(): Promise<unknown> }[];
  close(): Promise<void>;
}

/** Gives each case a log of its own: call it inside a test. */
export type Subject<Tx> = () => LogUnderTest<Tx>;

/** Everything an event log and its consumers promise. */
export function describeEventLog<Tx>(name: string, make: () => Promise<LogUnderTest<Tx>>): void {
  describe(`event log: ${name}`, () => {
    let current: LogUnderTest<Tx> | undefined;
    beforeEach(async () => {
      current = await make();
    });
    afterEach(async () => {
      await current?.close();
      current = undefined;
    });
    const subject: Subject<Tx> = () => {
      if (current === undefined) throw new Error('there is a log only inside a test');
      return current;
    };
    appendCases(subject);
    feedCases(subject);
    concurrencyCases(subject);
    leaseCases(subject);
    auditCases(subject);
    consumerCases(subject);
    parkingCases(subject);
    rebuildCases(subject);
    replicaCases(subject);
  });
}
