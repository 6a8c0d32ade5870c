import { normalizeRepositoryUrl } from '@plumbline/policy';
import { deploysCommit, parseApplicationStream } from '@plumbline/contracts';
import type { KnownEvent, RecordedEvent } from '@plumbline/contracts';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import { prepared } from '@plumbline/event-log';
import type { StoryParts } from './stories.ts';

export const chronicleTables: readonly ProjectionTable[] = [
  {
    name: 'application_life',
    ddl: [
      `create table if not exists application_life (stream text primary key, namespace text not null, name text not null, uid text not null,
         born bigint not null, died bigint, project text not null, sources jsonb)`,
      'create index if not exists application_life_name on application_life (namespace, name)',
    ],
  },
  {
    name: 'application_operation',
    ddl: [
      `create table if not exists application_operation (stream text not null, position bigint not null, operation_id text not null, project text not null,
         revision text not null, trigger text not null, initiated_by jsonb not null, sources jsonb, is_partial boolean not null, is_dry_run boolean not null,
         history_id integer, requested_at timestamptz not null, started_at timestamptz, finished_at timestamptz, phase text not null, message text not null,
         attempts integer not null, primary key (stream, position), unique (stream, operation_id))`,
    ],
  },
  { name: 'landmark', ddl: ['create table if not exists landmark (subject text not null, position bigint not null, primary key (subject, position))'] },
];

/**
 * Where in the log to look: the lives of each application name, every operation ever, and the positions of commits,
 * renders, outages and commands by what they are about. Nothing here is the only copy of anything.
 */
export const makeChronicle = (cover: StoryParts['cover']): Consumer<SqlExecutor> => ({
  name: 'api.chronicle',
  types: [
    'ApplicationDeclared',
    'ApplicationDeleted',
    'SyncRequested',
    'SyncStarted',
    'SyncRetryScheduled',
    'SyncApplied',
    'SyncSucceeded',
    'SyncFailed',
    'RevisionObserved',
    'RepositoryUnreachable',
    'ManifestsRendered',
    'RenderFailed',
    'CommandAccepted',
  ] satisfies KnownEvent['type'][],
  async apply(events, tx) {
    const landmarks = events.flatMap((event) => landmarkOf(event) ?? []);
    if (landmarks.length > 0) {
      await tx.query(landmarkSql, [landmarks.map(({ subject }) => subject), landmarks.map(({ position }) => position)]);
    }
    for (const event of events) await record(event, cover, tx);
  },
  tables: chronicleTables,
});

/** Keys of the table `landmark`: what an event is about. */
export const subjectOf = {
  commit: (commit: string) => `commit ${commit}`,
  outage: (url: string) => `outage ${normalizeRepositoryUrl(url)}`.slice(0, 2_000),
  rendered: (manifestSet: string) => `rendered ${manifestSet}`,
  renderFailed: (application: string, commit: string) => `render-failed ${commit} ${application}`,
  command: (target: string) => `command ${target}`,
};

function landmarkOf(recorded: RecordedEvent): { subject: string; position: number } | undefined {
  const event = recorded as RecordedEvent & KnownEvent;
  const { position } = recorded;
  switch (event.type) {
    case 'RevisionObserved':
      return { subject: subjectOf.commit(event.data.commit), position };
    case 'RepositoryUnreachable':
      return { subject: subjectOf.outage(event.data.url), position };
    case 'ManifestsRendered':
      return { subject: subjectOf.rendered(event.data.manifestSet), position };
    case 'RenderFailed':
      return { subject: subjectOf.renderFailed(event.data.application, event.data.commit), position };
    case 'CommandAccepted':
      return event.data.command === 'sync' ? { subject: subjectOf.command(event.data.target), position } : undefined;
    default:
      return undefined;
  }
}

const landmarkSql = prepared('api landmark', 'insert into landmark (subject, position) select * from unnest($1::text[], $2::bigint[]) on conflict do nothing');
const requestedSql = prepared(
  'api operation requested',
  `insert into application_operation (stream, position, operation_id, project, revision, trigger, initiated_by, sources, is_partial, is_dry_run, requested_at, phase, message, attempts)
   select $1, $2, $3, l.project, $4, $5, $6::jsonb, l.sources, $7, $8, $9::timestamptz, 'Running', 'waiting to start', 0 from application_life l where l.stream = $1
   on conflict do nothing`,
);
const advanced = (outcome: string, set: string): string =>
  prepared(`api operation ${outcome}`, `update application_operation o set ${set} where stream = $1 and operation_id = $2`);
const startedSql = advanced('started', "attempts = $3, message = 'syncing', started_at = coalesce(started_at, $4::timestamptz)");
const retriedSql = advanced('retried', 'message = $3');
const failedSql = advanced('failed', 'phase = $3, message = $4, finished_at = $5::timestamptz');
// Numbered as `status.history` is: whole syncs that were applied, from 0, whatever became of their health.
const appliedSql = advanced(
  'applied',
  `history_id = case when is_partial then null else
     (select count(*) from application_operation d where d.stream = o.stream and d.history_id is not null) end`,
);
const succeededSql = advanced('succeeded', `phase = 'Succeeded', message = $3, finished_at = $4::timestamptz`);

async function record(recorded: RecordedEvent, cover: StoryParts['cover'], tx: SqlExecutor): Promise<void> {
  const event = recorded as RecordedEvent & KnownEvent;
  const { stream, position, at } = recorded;
  switch (event.type) {
    case 'ApplicationDeclared': {
      const id = parseApplicationStream(stream);
      if (id === undefined) return;
      const { project } = event.data;
      const { source, sources } = cover(event.data.spec);
      await tx.query(
        `insert into application_life as l (stream, namespace, name, uid, born, project, sources) values ($1, $2, $3, $4, $5, $6, $7::jsonb)
         on conflict (stream) do update set project = excluded.project, sources = excluded.sources where l.died is null`,
        [stream, id.namespace, id.name, id.uid, position, project, JSON.stringify({ source, sources })],
      );
      return;
    }
    case 'ApplicationDeleted':
      await tx.query('update application_life set died = $2 where stream = $1', [stream, position]);
      return;
    case 'SyncRequested': {
      const { operationId, revision, trigger, initiatedBy, operation } = event.data;
      const isPartial = !deploysCommit(operation);
      const about = [stream, position, operationId, revision, trigger, JSON.stringify(initiatedBy), isPartial, operation.dryRun === true, at];
      await tx.query(requestedSql, about);
      return;
    }
    case 'SyncStarted':
      await tx.query(startedSql, [stream, event.data.operationId, event.data.attempt + 1, at]);
      return;
    case 'SyncRetryScheduled':
      await tx.query(retriedSql, [stream, event.data.operationId, event.data.message]);
      return;
    case 'SyncFailed':
      await tx.query(failedSql, [stream, event.data.operationId, event.data.phase, event.data.message, at]);
      return;
    case 'SyncApplied':
      await tx.query(appliedSql, [stream, event.data.operationId]);
      return;
    case 'SyncSucceeded':
      await tx.query(succeededSql, [stream, event.data.operationId, event.data.message, at]);
      return;
    default:
  }
}
