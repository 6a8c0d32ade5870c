import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateApiTables1767225600002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // `status` is null once the application is gone; the row stays, because it says whose the stream's events were.
    await runner.query(
      `create table application_status (stream text primary key, namespace text not null, name text not null, uid text not null, project text,
         position bigint not null, manifest_set text, source_type text, status jsonb)`,
    );
    await runner.query(
      `create table project (stream text primary key, name text not null, uid text not null, namespace text not null, position bigint not null, spec jsonb)`,
    );
    await runner.query(`create table policy (stream text primary key, position bigint not null, policy jsonb not null)`);
    await runner.query(`create table revoked_token (token_id text primary key, subject text not null)`);
    await runner.query(
      `create table refused_webhook (source text not null, reason text not null, minute timestamptz not null, attempts bigint not null, primary key (source, reason, minute))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table application_status, project, policy, revoked_token, refused_webhook');
  }
}

/** Where in the log to look (see history/chronicle.ts), and folds of long streams (history/stories.ts). */
export class CreateHistoryTables1767225600104 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `create table application_life (stream text primary key, namespace text not null, name text not null, uid text not null,
         born bigint not null, died bigint, project text not null, sources jsonb)`,
    );
    await runner.query('create index application_life_name on application_life (namespace, name)');
    await runner.query(
      `create table application_operation (stream text not null, position bigint not null, operation_id text not null, project text not null, revision text not null,
         trigger text not null, initiated_by jsonb not null, sources jsonb, is_partial boolean not null, is_dry_run boolean not null, history_id integer,
         requested_at timestamptz not null, started_at timestamptz, finished_at timestamptz, phase text not null, message text not null, attempts integer not null,
         primary key (stream, position), unique (stream, operation_id))`,
    );
    await runner.query('create table landmark (subject text not null, position bigint not null, primary key (subject, position))');
    await runner.query(
      `create table application_snapshot (stream text not null, version integer not null, format integer not null, generation uuid not null,
         position bigint not null, story jsonb not null, primary key (stream, version))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table application_life, application_operation, landmark, application_snapshot');
  }
}
