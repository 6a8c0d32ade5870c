import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateTables1785000000000 implements MigrationInterface {
  name = 'CreateTables1785000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE wanted (
        application text NOT NULL,
        repository text NOT NULL,
        ref text NOT NULL,
        chart text NOT NULL,
        url text NOT NULL,
        place text NOT NULL,
        PRIMARY KEY (application, repository, ref, chart)
      )`);
    await runner.query('CREATE INDEX wanted_repository ON wanted (repository)');
    await runner.query('CREATE INDEX wanted_place ON wanted (place)');
    await runner.query('CREATE TABLE snapshot (repository text PRIMARY KEY, version int NOT NULL, status text NOT NULL, state text NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE wanted');
    await runner.query('DROP TABLE snapshot');
  }
}
