import type { AccessEvent, AppProjectSpec, RecordedEvent } from '@plumbline/contracts';
import { storableJson } from '@plumbline/event-log';
import type { Consumer, ProjectionTable, SqlExecutor } from '@plumbline/event-log';
import { compilePolicy } from '@plumbline/policy';
import type { Policy } from '@plumbline/policy';

export const accessTables: readonly ProjectionTable[] = [
  {
    name: 'project',
    ddl: [
      `create table if not exists project (stream text primary key, name text not null, uid text not null, namespace text not null, position bigint not null,
         spec jsonb)`,
    ],
  },
  { name: 'policy', ddl: ['create table if not exists policy (stream text primary key, position bigint not null, policy jsonb not null)'] },
  { name: 'revoked_token', ddl: ['create table if not exists revoked_token (token_id text primary key, subject text not null)'] },
];

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
}

type Declared = Extract<AccessEvent, { type: 'PolicyChanged' }>['data'];

export function makeAccessModel(): AccessModel {
  /** By stream: a project that was made again under its name is another one. In the order of their last declarations. */
  const projects = new Map<string, KnownProject>();
  const revoked = new Set<string>();
  let declared: Declared | undefined;
  let compiled: Policy | undefined;

  const fold = (recorded: RecordedEvent): void => {
    const event = recorded as RecordedEvent & AccessEvent;
    switch (event.type) {
      case 'ProjectDeclared':
        // Behind all others, as `load` has it.
        projects.delete(event.stream);
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
      load: async (tx) => {
        const rows = await tx.query<KnownProject & { stream: string }>(
          'select stream, namespace, name, uid, spec from project where spec is not null order by position',
        );
        const [policy] = await tx.query<{ policy: Declared }>('select policy from policy');
        const tokens = await tx.query<{ token_id: string }>('select token_id from revoked_token');
        projects.clear();
        for (const { stream, ...project } of rows) projects.set(stream, project);
        declared = policy?.policy;
        revoked.clear();
        for (const row of tokens) revoked.add(row.token_id);
        compiled = undefined;
      },
      tables: accessTables,
    },
  };
}

async function store(events: readonly RecordedEvent[], tx: SqlExecutor): Promise<void> {
  for (const recorded of events) {
    const event = recorded as RecordedEvent & AccessEvent;
    if (event.type === 'ProjectDeclared' || event.type === 'ProjectDeleted') {
      const { namespace, name, uid } = event.data;
      const spec = event.type === 'ProjectDeclared' ? storableJson(event.data.spec) : null;
      await tx.query(
        `insert into project (stream, namespace, name, uid, position, spec) values ($1, $2, $3, $4, $5, $6::jsonb)
         on conflict (stream) do update set position = excluded.position, spec = excluded.spec where project.position < excluded.position`,
        [event.stream, namespace, name, uid, event.position, spec],
      );
    } else if (event.type === 'PolicyChanged') {
      await tx.query(
        `insert into policy (stream, position, policy) values ($1, $2, $3::jsonb)
         on conflict (stream) do update set position = excluded.position, policy = excluded.policy where policy.position < excluded.position`,
        [event.stream, event.position, storableJson(event.data)],
      );
    } else if (event.type === 'TokenRevoked') {
      await tx.query('insert into revoked_token (token_id, subject) values ($1, $2) on conflict do nothing', [event.data.tokenId, event.data.subject]);
    }
  }
}
