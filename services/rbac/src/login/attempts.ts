import type { Clock } from '@plumbline/contracts';
import type { SqlExecutor } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/** How often a password was tried in vain, durably: a restart, another replica or a flood of names forgets nothing. */
export interface Attempts {
  /**
   * Counts one attempt before the password is looked at, so that attempts made at the same moment can't slip by.
   * False: locked; nothing is counted, and the lock isn't prolonged.
   */
  begin(attempt: Attempt): Promise<boolean>;
  /** The password was right: its account starts from zero. */
  succeeded(attempt: Attempt): Promise<void>;
  /** One row per source and minute, bounded; never the name that was typed (people type passwords there). */
  refused(source: string): Promise<void>;
}

export interface Attempt {
  /** Name of an existing account; undefined for a name that nobody has. Only existing ones have a row: they are few. */
  account: string | undefined;
  /** Address that it came from. */
  source: string;
}

export function makeAttempts(database: SqlExecutor, clock: Clock): Attempts {
  const window = `${limits.failureWindowSeconds} seconds`;

  const count = async (scope: 'account' | 'source', key: string, max: number): Promise<boolean> => {
    const counted = await database.query(
      `insert into login_failure as f (scope, key, failures, last_at) values ($1, $2, 1, $3::timestamptz)
       on conflict (scope, key) do update
         set failures = case when f.last_at < $3::timestamptz - $4::interval then 1 else f.failures + 1 end, last_at = $3::timestamptz
         where f.failures < $5 or f.last_at < $3::timestamptz - $4::interval
       returning failures`,
      [scope, key, new Date(clock()).toISOString(), window, max],
    );
    return counted.length > 0;
  };

  /** Too many sources share one row, instead of pushing out rows that lock somebody. */
  const sourceKey = async (source: string): Promise<string> => {
    const now = new Date(clock()).toISOString();
    await database.query(`delete from login_failure where scope = 'source' and last_at < $1::timestamptz - $2::interval`, [now, window]);
    const rows = await database.query<{ fits: boolean }>(
      `select exists (select 1 from login_failure where scope = 'source' and key = $1)
           or (select count(*) from login_failure where scope = 'source') < $2 as fits`,
      [source, limits.sourcesMax],
    );
    return rows[0]?.fits === true ? source : 'others';
  };

  return {
    begin: async ({ account, source }) => {
      if (!(await count('source', await sourceKey(networkOf(source)), limits.failuresPerSourceMax))) return false;
      return account === undefined || (await count('account', account, limits.failuresPerAccountMax));
    },
    succeeded: async ({ account, source }) => {
      await database.query(`delete from login_failure where (scope = 'account' and key = $1) or (scope = 'source' and key = $2)`, [
        account ?? '',
        networkOf(source),
      ]);
    },
    refused: async (source) => {
      const minute = new Date(Math.floor(clock() / 60_000) * 60_000).toISOString();
      await database.query(
        `insert into refused_login as r (source, minute, attempts)
         select $1, $2::timestamptz, 1
          where exists (select 1 from refused_login where source = $1 and minute = $2::timestamptz)
             or (select count(*) from refused_login) < $3
         on conflict (source, minute) do update set attempts = r.attempts + 1`,
        [networkOf(source), minute, limits.refusedRowsMax],
      );
      await database.query(`delete from refused_login where minute < $1::timestamptz - interval '7 days'`, [minute]);
    },
  };
}

/** An IPv6 subscriber has a whole /64: that is one source. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!address.includes(':')) return address.slice(0, 64);
  const [head = '', tail] = address.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const rest = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...rest];
  return `${all.slice(0, 4).join(':')}::/64`.slice(0, 64);
}
