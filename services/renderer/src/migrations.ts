import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One row per render that is remembered: under its address, what it looked at and what came out. */
export class CreateRendering1767225600001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `create table rendering (
         address text not null,
         trace_id text not null,
         trace text not null,
         manifest_set text not null,
         source_type text not null,
         objects integer not null,
         used_at timestamptz not null,
         primary key (address, trace_id))`,
    );
    await runner.query('create index rendering_used_at on rendering (used_at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table rendering');
  }
}
