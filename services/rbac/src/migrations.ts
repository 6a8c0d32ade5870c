import type { MigrationInterface, QueryRunner } from 'typeorm';
import { declarationTables } from './declared/recorded.ts';

export class CreateRbacTables1767225600001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const { ddl } of declarationTables) for (const statement of ddl) await runner.query(statement);
    await runner.query(
      `create table login_failure (scope text not null check (scope in ('account', 'source')), key text not null, failures integer not null,
         last_at timestamptz not null, primary key (scope, key))`,
    );
    await runner.query(
      `create table refused_login (source text not null, minute timestamptz not null, attempts bigint not null, primary key (source, minute))`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table declaration, login_failure, refused_login');
  }
}
