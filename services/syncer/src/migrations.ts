import type { MigrationInterface, QueryRunner } from 'typeorm';
import { applicationsTables } from './applications/projection.ts';
import { memoTable } from './compare/memo-table.ts';
import { worldTables } from './world/world.ts';

const leaseTable = 'create table lease (cluster text primary key, owner text not null, epoch bigint not null, expires_at timestamptz not null)';

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

/** Leases are the log's own now: it checks their epochs in the transaction of each append. */
class DropLease1790000000008 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table lease');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(leaseTable);
  }
}

/** Its rows hold the state of operations as older versions folded it: its consumer begins anew. */
class FoldApplicationsAnew1790000000012 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('delete from application');
    await queryRunner.query(`delete from checkpoint where consumer = 'syncer.applications'`);
  }

  async down(): Promise<void> {}
}

export const migrations = [CreateSyncerTables1790000000000, DropLease1790000000008, FoldApplicationsAnew1790000000012];
