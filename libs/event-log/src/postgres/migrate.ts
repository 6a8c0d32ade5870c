import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Pool } from 'pg';
import { transactionsOf } from './sql-executor.ts';

// The same relative path from src/postgres and from dist/postgres.
const sqlFiles = ['schema.sql', 'append.sql'].map((name) => new URL(`../../src/postgres/${name}`, import.meta.url));

/** Creates or updates the schema `log`. Any number of processes may call it at once; one works, the others wait. */
export async function migrateEventLog(pool: Pool): Promise<void> {
  const files = await Promise.all(sqlFiles.map((file) => readFile(file, 'utf8')));
  const digest = `plumbline event log ${createHash('sha256').update(files.join('\n')).digest('hex')}`;
  await transactionsOf(pool)(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('plumbline event log'))");
    // Unchanged: leave it alone, so that a restart locks no table that others write to.
    const [schema] = await tx.query<{ digest: string | null }>("select obj_description(to_regnamespace('log'), 'pg_namespace') as digest");
    if (schema?.digest === digest) return;
    for (const file of files) await tx.query(file);
    await tx.query(`comment on schema log is '${digest}'`);
  });
}
