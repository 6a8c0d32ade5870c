import type { AccessEvent, AppProjectSpec, RecordedEvent } from '@plumbline/contracts';
import type { Consumer, SqlExecutor } from '@plumbline/event-log';
import { compilePolicy } from '@plumbline/policy';
import type { Policy } from '@plumbline/policy';

export interface KnownProject {
  namespace: string;
  name: string;
  uid: string;
  spec: AppProjectSpec;
}

/** Projects, policy and revoked tokens as the log has them: what every call is judged by. */
export interface AccessModel {
  policy(): Policy;
  project(name: string): KnownProject | undefined;
  projects(): KnownProject[];
  isRevoked(tokenId: string): boolean;
  consumer: Consumer<SqlExecutor>;
  /** Reads the tables into memory, before the consumer runs. */
  load(database: SqlExecutor): Promise<void>;
}

type Declared = Extract<AccessEvent, { type: 'PolicyChanged' }>['data'];

export function makeAccessModel(): AccessModel {
  /** By stream: a project that was made again under its name is another one. */
  const projects = new Map<string, KnownProject>();
  const revoked = new Set<string>();
  let declared: Declared | undefined;
  let compiled: Policy | undefined;

  const fold = (recorded: RecordedEvent): void => {
    const event = recorded as RecordedEvent & AccessEvent;
    switch (event.type) {
      case 'ProjectDeclared':
        projects.set(event.stream, event.data);
        break;
      case 'ProjectDeleted':
        projects.delete(event.stream);
        break;
      case 'PolicyChanged':
        declared = event.data;
        break;
      case 'TokenRevoked':
        revoked.add(event.data.tokenId);
        return;
      case 'TokenIssued':
        return;
    }
    compiled = undefined;
  };

  const byName = (name: string): KnownProject | undefined => [...projects.values()].findLast((project) => project.name === name);

  return {
    policy: () =>
      (compiled ??= compilePolicy({
        csv: declared?.csv ?? '',
        defaultRole: declared?.defaultRole ?? '',
        matchMode: declared?.matchMode ?? 'glob',
        projects: [...projects.values()].map(({ name, spec }) => ({ name, roles: spec.roles ?? [] })),
      })),
    project: byName,
    projects: () => [...projects.values()].filter((project) => byName(project.name) === project),
    isRevoked: (tokenId) => revoked.has(tokenId),
    consumer: {
      name: 'api.access',
      types: ['ProjectDeclared', 'ProjectDeleted', 'PolicyChanged', 'TokenRevoked'],
      apply: store,
      committed: (events) => events.forEach(fold),
      reset: async (tx) => {
        for (const table of ['project', 'policy', 'revoked_token']) await tx.query(`delete from ${table}`);
      },
    },
    load: async (database) => {
      const rows = await database.query<KnownProject & { stream: string }>(
        'select stream, namespace, name, uid, spec from project where spec is not null order by position',
      );
      for (const { stream, ...project } of rows) projects.set(stream, project);
      declared = (await database.query<{ policy: Declared }>('select policy from policy'))[0]?.policy;
      for (const row of await database.query<{ token_id: string }>('select token_id from revoked_token')) revoked.add(row.token_id);
      compiled = undefined;
    },
  };
}

async function store(events: readonly RecordedEvent[], tx: SqlExecutor): Promise<void> {
  for (const recorded of events) {
    const event = recorded as RecordedEvent & AccessEvent;
    if (event.type === 'ProjectDeclared' || event.type === 'ProjectDeleted') {
      const { namespace, name, uid } = event.data;
      const spec = event.type === 'ProjectDeclared' ? JSON.stringify(event.data.spec) : null;
      await tx.query(
        `insert into project (stream, namespace, name, uid, position, spec) values ($1, $2, $3, $4, $5, $6::jsonb)
         on conflict (stream) do update set position = excluded.position, spec = excluded.spec where project.position < excluded.position`,
        [event.stream, namespace, name, uid, event.position, spec],
      );
    } else if (event.type === 'PolicyChanged') {
      await tx.query(
        `insert into policy (stream, position, policy) values ($1, $2, $3::jsonb)
         on conflict (stream) do update set position = excluded.position, policy = excluded.policy where policy.position < excluded.position`,
        [event.stream, event.position, JSON.stringify(event.data)],
      );
    } else if (event.type === 'TokenRevoked') {
      await tx.query('insert into revoked_token (token_id, subject) values ($1, $2) on conflict do nothing', [event.data.tokenId, event.data.subject]);
    }
  }
}
