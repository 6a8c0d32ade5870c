import type { Leases, SqlExecutor } from '../port.ts';

/** Leases in the schema of the log, made by `migrateEventLog`. */
export function makePostgresLeases(executor: SqlExecutor): Leases {
  return {
    async claim(lease, owner, { lifeMs, epoch }) {
      const [row] = await executor.query<{ epoch: string }>(`select epoch from log.claim_lease($1, $2, $3 * interval '1 millisecond', $4)`, [
        lease,
        owner,
        lifeMs,
        epoch ?? null,
      ]);
      return row === undefined ? undefined : { epoch: Number(row.epoch) };
    },
    async release(lease, epoch) {
      await executor.query('select log.release_lease($1, $2)', [lease, epoch]);
    },
  };
}
