import { evolveApplicationStatus, initialApplicationStatus, parseApplicationStream } from '@plumbline/contracts';
import type { ApplicationEvent, ApplicationEventType, ApplicationStatus, RecordedEvent } from '@plumbline/contracts';
import type { Consumer, SqlExecutor } from '@plumbline/event-log';

/** What the log says of an application. */
export interface KnownApplication {
  stream: string;
  namespace: string;
  name: string;
  uid: string;
  /** As last declared; kept when the application is gone: its events are still those of that project. */
  project: string | undefined;
  /** Of the last event that is folded in. */
  position: number;
  /** Of the last comparison. */
  manifestSet: string | undefined;
  sourceType: string | undefined;
  /** Undefined once it is gone. */
  status: ApplicationStatus | undefined;
}

export interface StatusProjection {
  find(stream: string): KnownApplication | undefined;
  consumer: Consumer<SqlExecutor>;
  load(database: SqlExecutor): Promise<void>;
}

const types: Readonly<Record<ApplicationEventType, true>> = {
  ApplicationDeclared: true,
  ApplicationDeleted: true,
  ApplicationDeletionStarted: true,
  ApplicationCompared: true,
  ComparisonFailed: true,
  DriftDetected: true,
  HealthChanged: true,
  SyncRequested: true,
  SyncStarted: true,
  SyncStepCompleted: true,
  SyncApplied: true,
  SyncSucceeded: true,
  SyncFailed: true,
  SyncRetryScheduled: true,
  AutoSyncSkipped: true,
  LateWriteDetected: true,
};

/** Folds the streams of applications into `application_status`, and keeps a copy in memory that is as old as the checkpoint. */
export function makeStatusProjection(): StatusProjection {
  const known = new Map<string, KnownApplication>();
  return {
    find: (stream) => known.get(stream),
    consumer: {
      name: 'api.application-status',
      types: Object.keys(types),
      apply: async (events, tx) => {
        const before = await read(tx, [...new Set(events.map((event) => event.stream))]);
        const after = new Map<string, KnownApplication>();
        for (const event of events) {
          const next = fold(after.get(event.stream) ?? before.get(event.stream), event);
          if (next !== undefined) after.set(event.stream, next);
        }
        for (const application of after.values()) await write(tx, application);
      },
      committed: (events) => {
        for (const event of events) {
          const next = fold(known.get(event.stream), event);
          if (next !== undefined) known.set(event.stream, next);
        }
      },
      reset: async (tx) => void (await tx.query('delete from application_status')),
    },
    load: async (database) => {
      for (const [stream, application] of await read(database)) known.set(stream, application);
    },
  };
}

/** Undefined: nothing to change (an event that is already folded in, or of a stream that isn't an application's). */
export function fold(application: KnownApplication | undefined, recorded: RecordedEvent): KnownApplication | undefined {
  const id = parseApplicationStream(recorded.stream);
  if (id === undefined || (application !== undefined && application.position >= recorded.position)) return undefined;
  const event = recorded as RecordedEvent & ApplicationEvent;
  const { stream, position } = recorded;
  const before = application ?? {
    ...id,
    stream,
    position: 0,
    project: undefined,
    manifestSet: undefined,
    sourceType: undefined,
    status: initialApplicationStatus,
  };
  return {
    ...before,
    position,
    ...(event.type === 'ApplicationDeclared' ? { project: event.data.project } : {}),
    ...(event.type === 'ApplicationCompared' ? { manifestSet: event.data.manifestSet, sourceType: event.data.sourceType } : {}),
    status: event.type === 'ApplicationDeleted' || before.status === undefined ? undefined : evolveApplicationStatus(before.status, recorded),
  };
}

interface Row {
  stream: string;
  namespace: string;
  name: string;
  uid: string;
  project: string | null;
  position: string | number;
  manifest_set: string | null;
  source_type: string | null;
  status: ApplicationStatus | null;
}

async function read(database: SqlExecutor, streams?: readonly string[]): Promise<Map<string, KnownApplication>> {
  const rows = await database.query<Row>(
    `select * from application_status ${streams === undefined ? '' : 'where stream = any($1)'}`,
    streams === undefined ? [] : [streams],
  );
  return new Map(
    rows.map(({ stream, namespace, name, uid, project, position, manifest_set, source_type, status }) => [
      stream,
      {
        stream,
        namespace,
        name,
        uid,
        project: project ?? undefined,
        position: Number(position),
        manifestSet: manifest_set ?? undefined,
        sourceType: source_type ?? undefined,
        status: status ?? undefined,
      },
    ]),
  );
}

async function write(tx: SqlExecutor, application: KnownApplication): Promise<void> {
  const { stream, namespace, name, uid, project, position, manifestSet, sourceType, status } = application;
  await tx.query(
    `insert into application_status (stream, namespace, name, uid, project, position, manifest_set, source_type, status)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb)
     on conflict (stream) do update set project = excluded.project, position = excluded.position, manifest_set = excluded.manifest_set,
       source_type = excluded.source_type, status = excluded.status
       where application_status.position < excluded.position`,
    [stream, namespace, name, uid, project ?? null, position, manifestSet ?? null, sourceType ?? null, status === undefined ? null : JSON.stringify(status)],
  );
}
