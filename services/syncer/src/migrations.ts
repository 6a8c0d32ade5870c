import type { MigrationInterface, QueryRunner } from 'typeorm';
import { applicationsTables } from './applications/projection.ts';
import { memoTable } from './compare/memo-table.ts';
import { leaseTable } from './live/lease.ts';
import { worldTables } from './world/world.ts';

class CreateSyncerTables1790000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of [memoTable, leaseTable]) await queryRunner.query(table);
    for (const { ddl } of [...applicationsTables, ...worldTables]) for (const statement of ddl) await queryRunner.query(statement);
  }

  /** Everything here is derived from the log or from the cluster: dropping it loses nothing. */
  async down(queryRunner: QueryRunner): Promise<void> {
    for (const table of ['application', 'memo', 'lease', 'ref', 'repository', 'project']) await queryRunner.query(`drop table ${table}`);
  }
}

export const migrations = [CreateSyncerTables1790000000000];
