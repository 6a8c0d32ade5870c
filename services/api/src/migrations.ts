import type { MigrationInterface, QueryRunner } from 'typeorm';
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
