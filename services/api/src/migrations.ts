import type { MigrationInterface, QueryRunner } from 'typeorm';
import { chronicleTables } from './history/chronicle.ts';
import { subscriptionTableNames, subscriptionTables } from './subscriptions/tables.ts';

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
    for (const { ddl } of chronicleTables) for (const statement of ddl) await runner.query(statement);
    await runner.query(
      `create table application_snapshot (stream text not null, version integer not null, format integer not null, generation uuid not null,
         position bigint not null, story jsonb not null, primary key (stream, version))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table application_life, application_operation, landmark, application_snapshot');
  }
}

/** Webhook subscriptions and what is to be delivered; see subscriptions/tables.ts. */
export class CreateSubscriptionTables1767225600204 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of subscriptionTables) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`drop table ${subscriptionTableNames}`);
  }
}
