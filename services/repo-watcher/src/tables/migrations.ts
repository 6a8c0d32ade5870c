import type { MigrationInterface, QueryRunner } from 'typeorm';
import { snapshotTables } from './repository-streams.ts';
import { wantedTables } from './wanted-refs-table.ts';

export class CreateTables1785000000000 implements MigrationInterface {
  name = 'CreateTables1785000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const { ddl } of [...wantedTables, ...snapshotTables]) for (const statement of ddl) await runner.query(statement);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE wanted');
    await runner.query('DROP TABLE snapshot');
  }
}
