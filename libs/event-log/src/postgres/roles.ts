import { AppError } from '@plumbline/contracts';
import type { SqlExecutor } from '../port.ts';

const grantable = [
  'usage on schema log',
  'select on log.event, log.stream, log.head',
  'execute on function log.append',
  'execute on function log.claim_lease',
  'execute on function log.release_lease',
];

/**
 * Lets a role read the log, append to it and hold leases, and nothing else: the functions run with the rights of the
 * schema's owner, and nobody else may touch the tables. To be run by that owner, again after each upgrade.
 *
 * @throws AppError `invalid-argument` for a name that is none, `not-found` when there is no such role
 */
export async function grantLogAccess(executor: SqlExecutor, role: string): Promise<void> {
  if (!/^[A-Za-z_][A-Za-z0-9_$-]{0,62}$/.test(role))
    throw new AppError('invalid-argument', `${JSON.stringify(role)} is no name of a role: give letters, digits, _, - and $`);
  const found = await executor.query('select from pg_roles where rolname = $1', [role]);
  if (found.length === 0) throw new AppError('not-found', `there is no role ${role}: create it first (create role "${role}" login password …)`);
  for (const what of grantable) await executor.query(`grant ${what} to "${role}"`);
}
