import type { AppProjectSpec, RecordedEvent, RepositoryEvent, AccessEvent } from '@plumbline/contracts';
import { storableJson, storableText } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';

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

export const worldTables: readonly ProjectionTable[] = [
  {
    name: 'ref',
    ddl: [
      'create table if not exists ref (repository text, ref text, position bigint not null, commit text, tree text, problem text, primary key (repository, ref))',
    ],
  },
  {
    name: 'repository',
    ddl: ['create table if not exists repository (repository text primary key, position bigint not null, problem text, since timestamptz)'],
  },
  {
    name: 'project',
    // By stream: two projects of one name are two streams, whose events come in no particular order.
    ddl: ['create table if not exists project (stream text primary key, name text not null, position bigint not null, uid text not null, spec jsonb)'],
  },
];

export interface WorldProjection {
  world: World;
  consumer: Consumer<SqlExecutor>;
  /** Who is told of changes from now on. */
  listen(listener: (change: WorldChange) => void): void;
}

type WorldEvent = RecordedEvent & (RepositoryEvent | AccessEvent);

/** Projection in tables (for a restart) and in memory (for use). */
export function makeWorld(): WorldProjection {
  let listener: ((change: WorldChange) => void) | undefined;
  const memory: Memory = { refs: new Map(), repositories: new Map(), projects: new Map() };
  const { refs, repositories, projects } = memory;

  const consumer: Consumer<SqlExecutor> = {
    name: 'syncer.world',
    types: ['RevisionObserved', 'RefUnresolved', 'RepositoryUnreachable', 'RepositoryRecovered', 'RepositoryForgotten', 'ProjectDeclared', 'ProjectDeleted'],
    apply: (events, tx) => writeRows(events as readonly WorldEvent[], tx),
    committed(events) {
      for (const recorded of events) {
        const change = remember(recorded as WorldEvent);
        if (change !== undefined) listener?.(change);
      }
    },
    load: (tx) => loadTables(tx, memory),
    tables: worldTables,
  };

  const remember = (event: WorldEvent): WorldChange | undefined => {
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
      case 'RepositoryForgotten':
        // What was known of it is of its past: who names it again waits for what it says then.
        repositories.delete(event.data.repository);
        for (const [key, ref] of refs) if (ref.repository === event.data.repository) refs.delete(key);
        return undefined;
      case 'ProjectDeclared':
        projects.set(event.stream, { name: event.data.name, position, uid: event.data.uid, spec: event.data.spec });
        return { kind: 'project', name: event.data.name };
      case 'ProjectDeleted':
        projects.set(event.stream, { name: event.data.name, position, uid: event.data.uid });
        return { kind: 'project', name: event.data.name };
      default:
        return undefined;
    }
  };

  const world: World = {
    ref: (repository, ref) => refs.get(`${repository} ${ref}`),
    outage: (repository) => repositories.get(repository)?.outage,
    project: (name) => currentOf([...projects.values()].filter((project) => project.name === name)),
  };
  return { world, consumer, listen: (heard) => void (listener = heard) };
}

/** Of several projects that had the name one after the other: the last declared one that is not deleted. */
function currentOf(projects: readonly ProjectState[]): ProjectState | undefined {
  const rank = (project: ProjectState): number => (project.spec === undefined ? 0 : Number.MAX_SAFE_INTEGER / 2) + project.position;
  return projects.reduce<ProjectState | undefined>((best, project) => (best === undefined || rank(best) < rank(project) ? project : best), undefined);
}

interface Memory {
  refs: Map<string, RefState>;
  repositories: Map<string, { position: number; outage?: Outage }>;
  /** By stream. */
  projects: Map<string, ProjectState>;
}

type Nullable<T> = { [K in keyof T]: T[K] | null };

async function loadTables(tx: SqlExecutor, { refs, repositories, projects }: Memory): Promise<void> {
  type RefRow = Pick<RefState, 'repository' | 'ref'> & Nullable<Required<Pick<RefState, 'commit' | 'tree' | 'problem'>>> & { position: string };
  const refRows = await tx.query<RefRow>('select * from ref');
  const repositoryRows = await tx.query<{ repository: string; position: string; problem: string | null; since: Date | null }>('select * from repository');
  const projectRows = await tx.query<{ stream: string; name: string; uid: string; position: string; spec: AppProjectSpec | null }>('select * from project');
  refs.clear();
  for (const { repository, ref, position, commit, tree, problem } of refRows) {
    const known = { ...(commit === null ? {} : { commit }), ...(tree === null ? {} : { tree }), ...(problem === null ? {} : { problem }) };
    refs.set(`${repository} ${ref}`, { repository, ref, position: Number(position), ...known });
  }
  repositories.clear();
  for (const { repository, position, problem, since } of repositoryRows) {
    const outage = problem === null || since === null ? {} : { outage: { message: problem, sinceMs: since.getTime() } };
    repositories.set(repository, { position: Number(position), ...outage });
  }
  projects.clear();
  for (const { stream, name, uid, position, spec } of projectRows) {
    projects.set(stream, { name, uid, position: Number(position), ...(spec === null ? {} : { spec }) });
  }
}

/** The last event about each thing counts; all about one thing are in one stream. */
async function writeRows(events: readonly WorldEvent[], tx: SqlExecutor): Promise<void> {
  const refs = new Map<string, Extract<WorldEvent, { type: 'RevisionObserved' | 'RefUnresolved' }>>();
  const repositories = new Map<string, Extract<WorldEvent, { type: 'RepositoryUnreachable' | 'RepositoryRecovered' }>>();
  const projects = new Map<string, Extract<WorldEvent, { type: 'ProjectDeclared' | 'ProjectDeleted' }>>();
  const forgotten = new Set<string>();
  for (const event of events) {
    if (event.type === 'RevisionObserved' || event.type === 'RefUnresolved') refs.set(`${event.data.repository} ${event.data.ref}`, event);
    else if (event.type === 'RepositoryForgotten') {
      const { repository } = event.data;
      forgotten.add(repository);
      repositories.delete(repository);
      for (const [key, { data }] of refs) if (data.repository === repository) refs.delete(key);
    } else if (event.type === 'RepositoryUnreachable' || event.type === 'RepositoryRecovered') repositories.set(event.data.repository, event);
    else if (event.type === 'ProjectDeclared' || event.type === 'ProjectDeleted') projects.set(event.stream, event);
  }
  if (forgotten.size > 0) {
    // What came after it is written below.
    await tx.query('delete from ref where repository = any($1::text[])', [[...forgotten]]);
    await tx.query('delete from repository where repository = any($1::text[])', [[...forgotten]]);
  }
  if (refs.size > 0) {
    await upsert(
      tx,
      {
        table: 'ref',
        key: ['repository', 'ref'],
        columns: { repository: 'text', ref: 'text', position: 'bigint', commit: 'text', tree: 'text', problem: 'text' },
      },
      [...refs.values()].map(({ type, data, position }) =>
        type === 'RevisionObserved'
          ? [data.repository, data.ref, position, data.commit, data.tree, null]
          : [data.repository, data.ref, position, null, null, data.message],
      ),
    );
  }
  if (repositories.size > 0) {
    await upsert(
      tx,
      { table: 'repository', key: ['repository'], columns: { repository: 'text', position: 'bigint', problem: 'text', since: 'timestamptz' } },
      [...repositories.values()].map(({ type, data, position, at }) =>
        type === 'RepositoryUnreachable' ? [data.repository, position, data.message, at] : [data.repository, position, null, null],
      ),
    );
  }
  if (projects.size > 0) {
    await upsert(
      tx,
      { table: 'project', key: ['stream'], columns: { stream: 'text', name: 'text', position: 'bigint', uid: 'text', spec: 'jsonb' } },
      [...projects.values()].map(({ stream, type, data, position }) => [
        stream,
        data.name,
        position,
        data.uid,
        type === 'ProjectDeclared' ? storableJson(data.spec) : null,
      ]),
    );
  }
}

interface Target {
  table: string;
  key: readonly string[];
  columns: Readonly<Record<string, string>>;
}

async function upsert(tx: SqlExecutor, { table, key, columns }: Target, rows: readonly (readonly unknown[])[]): Promise<void> {
  const names = Object.keys(columns);
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  const changes = names.filter((name) => !key.includes(name)).map((name) => `${name} = excluded.${name}`);
  await tx.query(
    `insert into ${table} (${names.join(', ')}) select * from unnest(${arrays.join(', ')}) on conflict (${key.join(', ')}) do update set ${changes.join(', ')}`,
    // Refs and messages are what somebody typed or a server said.
    names.map((_, index) => rows.map((row) => (typeof row[index] === 'string' ? storableText(row[index]) : row[index]))),
  );
}
