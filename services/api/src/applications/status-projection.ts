import { evolveApplicationStatus, initialApplicationStatus, parseApplicationStream } from '@plumbline/contracts';
import type { ApplicationEvent, ApplicationEventType, ApplicationStatus, RecordedEvent } from '@plumbline/contracts';
import { prepared, storableJson } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';

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
}

export const statusTables: readonly ProjectionTable[] = [
  {
    name: 'application_status',
    // `status` is null once the application is gone; the row stays, because it says whose the stream's events were.
    ddl: [
      `create table if not exists application_status (stream text primary key, namespace text not null, name text not null, uid text not null, project text,
         position bigint not null, manifest_set text, source_type text, status jsonb)`,
    ],
  },
];

const types: Readonly<Record<ApplicationEventType, true>> = {
  ApplicationDeclared: true,
  ApplicationDeleted: true,
  ApplicationDeletionStarted: true,
  DeletionHooksEnded: true,
  ApplicationCompared: true,
  ResourcesCompared: true,
  ComparisonFailed: true,
  DriftDetected: true,
  HealthChanged: true,
  SyncRequested: true,
  SyncStarted: true,
  SyncStepCompleted: true,
  SyncFailPhaseStarted: true,
  SyncApplied: true,
  SyncConfirmationRequested: true,
  SyncResumed: true,
  SyncTerminationRequested: true,
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
        await write(tx, [...after.values()]);
      },
      committed: (events) => {
        for (const event of events) {
          const next = fold(known.get(event.stream), event);
          if (next !== undefined) known.set(event.stream, next);
        }
      },
      load: async (tx) => {
        const stored = await read(tx);
        known.clear();
        for (const [stream, application] of stored) known.set(stream, application);
      },
      tables: statusTables,
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

const columns = 'stream, namespace, name, uid, project, position, manifest_set, source_type, status';

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

const readSql = prepared('api application_status read', `select ${columns} from application_status where stream = any($1)`);

async function read(database: SqlExecutor, streams?: readonly string[]): Promise<Map<string, KnownApplication>> {
  const rows = streams === undefined ? await database.query<Row>(`select ${columns} from application_status`) : await database.query<Row>(readSql, [streams]);
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

const writeSql = prepared(
  'api application_status write',
  `insert into application_status (${columns})
   select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::jsonb[])
   on conflict (stream) do update set project = excluded.project, position = excluded.position, manifest_set = excluded.manifest_set,
     source_type = excluded.source_type, status = excluded.status
     where application_status.position < excluded.position`,
);

async function write(tx: SqlExecutor, applications: readonly KnownApplication[]): Promise<void> {
  if (applications.length === 0) return;
  const column = <T>(of: (application: KnownApplication) => T): T[] => applications.map(of);
  await tx.query(writeSql, [
    column(({ stream }) => stream),
    column(({ namespace }) => namespace),
    column(({ name }) => name),
    column(({ uid }) => uid),
    column(({ project }) => project ?? null),
    column(({ position }) => position),
    column(({ manifestSet }) => manifestSet ?? null),
    column(({ sourceType }) => sourceType ?? null),
    column(({ status }) => (status === undefined ? null : storableJson(status))),
  ]);
}
