import type { MigrationInterface, QueryRunner } from 'typeorm';
import { chronicleTables } from './history/chronicle.ts';
import { subscriptionColumns, subscriptionColumnsDropped, subscriptionTableNames, subscriptionTables } from './subscriptions/tables.ts';
import { accessTables } from './access/access-model.ts';
import { statusTables } from './applications/status-projection.ts';

export class CreateApiTables1767225600002 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const { ddl } of [...statusTables, ...accessTables]) for (const statement of ddl) await runner.query(statement);
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

/** The generation of the log that a subscription's positions are of, and why the last try of a stream failed. */
export class AddSubscriptionColumns1767225600304 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const statement of subscriptionColumns) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const statement of subscriptionColumnsDropped) await runner.query(statement);
  }
}
