import type { AppProjectSpec, RecordedEvent, RepositoryEvent, AccessEvent } from '@plumbline/contracts';
import type { Consumer, SqlExecutor } from '@plumbline/event-log';

/** What other services say that applications depend on: where refs point, and what projects allow. */
export interface RefState {
  repository: string;
  ref: string;
  position: number;
  commit?: string;
  tree?: string;
  /** Why the ref has no commit. */
  problem?: string;
}

export interface ProjectState {
  name: string;
  position: number;
  uid: string;
  /** Undefined: deleted. */
  spec?: AppProjectSpec;
}

export interface Outage {
  message: string;
  sinceMs: number;
}

export interface World {
  ref(repository: string, ref: string): RefState | undefined;
  /** Why a repository can't be reached and since when, while it can't. */
  outage(repository: string): Outage | undefined;
  project(name: string): ProjectState | undefined;
}

export type WorldChange = { kind: 'repository'; repository: string; ref?: string; correlation: string } | { kind: 'project'; name: string };

export const worldTables = [
  `create table ref (repository text, ref text, position bigint not null, commit text, tree text, problem text, primary key (repository, ref))`,
  `create table repository (repository text primary key, position bigint not null, problem text, since timestamptz)`,
  `create table project (name text primary key, position bigint not null, uid text not null, spec jsonb)`,
];

export interface WorldProjection {
  world: World;
  consumer: Consumer<SqlExecutor>;
  /** Reads the tables, once the consumer has caught up. */
  load(tx: SqlExecutor): Promise<void>;
  /** Who is told of changes from now on. */
  listen(listener: (change: WorldChange) => void): void;
}

/** Projection in tables (for a restart) and in memory (for use). */
export function makeWorld(): WorldProjection {
  let listener: ((change: WorldChange) => void) | undefined;
  const refs = new Map<string, RefState>();
  const repositories = new Map<string, { position: number; outage?: Outage }>();
  const projects = new Map<string, ProjectState>();

  const consumer: Consumer<SqlExecutor> = {
    name: 'syncer.world',
    types: ['RevisionObserved', 'RefUnresolved', 'RepositoryUnreachable', 'RepositoryRecovered', 'ProjectDeclared', 'ProjectDeleted'],
    async apply(events, tx) {
      for (const event of events) await writeRow(event as RecordedEvent & (RepositoryEvent | AccessEvent), tx);
    },
    committed(events) {
      for (const recorded of events) {
        const change = remember(recorded as RecordedEvent & (RepositoryEvent | AccessEvent));
        if (change !== undefined) listener?.(change);
      }
    },
    async reset(tx) {
      for (const table of ['ref', 'repository', 'project']) await tx.query(`delete from ${table}`);
    },
  };

  const remember = (event: RecordedEvent & (RepositoryEvent | AccessEvent)): WorldChange | undefined => {
    const { position } = event;
    const correlation = event.metadata.correlation ?? event.id;
    switch (event.type) {
      case 'RevisionObserved': {
        const { repository, ref, commit, tree } = event.data;
        refs.set(`${repository} ${ref}`, { repository, ref, position, commit, tree });
        return { kind: 'repository', repository, ref, correlation };
      }
      case 'RefUnresolved': {
        const { repository, ref, message } = event.data;
        refs.set(`${repository} ${ref}`, { repository, ref, position, problem: message });
        return { kind: 'repository', repository, ref, correlation };
      }
      case 'RepositoryUnreachable':
        repositories.set(event.data.repository, { position, outage: { message: event.data.message, sinceMs: Date.parse(event.at) } });
        return { kind: 'repository', repository: event.data.repository, correlation };
      case 'RepositoryRecovered':
        repositories.set(event.data.repository, { position });
        return { kind: 'repository', repository: event.data.repository, correlation };
      case 'ProjectDeclared':
        projects.set(event.data.name, { name: event.data.name, position, uid: event.data.uid, spec: event.data.spec });
        return { kind: 'project', name: event.data.name };
      case 'ProjectDeleted':
        if (projects.get(event.data.name)?.uid !== event.data.uid) return undefined;
        projects.set(event.data.name, { name: event.data.name, position, uid: event.data.uid });
        return { kind: 'project', name: event.data.name };
      default:
        return undefined;
    }
  };

  const world: World = {
    ref: (repository, ref) => refs.get(`${repository} ${ref}`),
    outage: (repository) => repositories.get(repository)?.outage,
    project: (name) => projects.get(name),
  };
  return { world, consumer, load: (tx) => loadTables(tx, { refs, repositories, projects }), listen: (heard) => void (listener = heard) };
}

interface Memory {
  refs: Map<string, RefState>;
  repositories: Map<string, { position: number; outage?: Outage }>;
  projects: Map<string, ProjectState>;
}

async function loadTables(tx: SqlExecutor, { refs, repositories, projects }: Memory): Promise<void> {
  for (const row of await tx.query<{ repository: string; ref: string; position: string; commit: string | null; tree: string | null; problem: string | null }>(
    'select * from ref',
  )) {
    const { repository, ref, commit, tree, problem } = row;
    const known = { ...(commit === null ? {} : { commit }), ...(tree === null ? {} : { tree }), ...(problem === null ? {} : { problem }) };
    keepNewer(refs, `${repository} ${ref}`, { repository, ref, position: Number(row.position), ...known });
  }
  for (const row of await tx.query<{ repository: string; position: string; problem: string | null; since: Date | null }>('select * from repository')) {
    const outage = row.problem === null || row.since === null ? {} : { outage: { message: row.problem, sinceMs: row.since.getTime() } };
    keepNewer(repositories, row.repository, { position: Number(row.position), ...outage });
  }
  for (const row of await tx.query<ProjectState & { position: string; spec: AppProjectSpec | null }>('select * from project'))
    keepNewer(projects, row.name, { name: row.name, uid: row.uid, position: Number(row.position), ...(row.spec === null ? {} : { spec: row.spec }) });
}

/** Events that came while the tables were read win. */
function keepNewer<T extends { position: number }>(map: Map<string, T>, key: string, value: T): void {
  const known = map.get(key);
  if (known === undefined || known.position < value.position) map.set(key, value);
}

async function writeRow(event: RecordedEvent & (RepositoryEvent | AccessEvent), tx: SqlExecutor): Promise<void> {
  const { position } = event;
  switch (event.type) {
    case 'RevisionObserved':
    case 'RefUnresolved': {
      const { repository, ref } = event.data;
      const [commit, tree, problem] = event.type === 'RevisionObserved' ? [event.data.commit, event.data.tree, null] : [null, null, event.data.message];
      await tx.query(
        `insert into ref values ($1, $2, $3, $4, $5, $6) on conflict (repository, ref)
         do update set position = excluded.position, commit = excluded.commit, tree = excluded.tree, problem = excluded.problem`,
        [repository, ref, position, commit, tree, problem],
      );
      return;
    }
    case 'RepositoryUnreachable':
    case 'RepositoryRecovered':
      await tx.query(
        `insert into repository values ($1, $2, $3, $4) on conflict (repository)
         do update set position = excluded.position, problem = excluded.problem, since = excluded.since`,
        [
          event.data.repository,
          position,
          event.type === 'RepositoryUnreachable' ? event.data.message : null,
          event.type === 'RepositoryUnreachable' ? event.at : null,
        ],
      );
      return;
    case 'ProjectDeclared':
      await tx.query(
        'insert into project values ($1, $2, $3, $4) on conflict (name) do update set position = excluded.position, uid = excluded.uid, spec = excluded.spec',
        [event.data.name, position, event.data.uid, JSON.stringify(event.data.spec)],
      );
      return;
    case 'ProjectDeleted':
      await tx.query('update project set spec = null, position = $2 where name = $1 and uid = $3', [event.data.name, position, event.data.uid]);
      return;
    default:
  }
}
