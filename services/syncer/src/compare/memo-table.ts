import type { Logger } from '@plumbline/contracts';
import type { SqlExecutor } from '@plumbline/event-log';
import type { Memo, MemoStore } from './memo.ts';

export const memoTable = `create table memo (
  object text primary key,
  uid text not null,
  manifest text not null,
  ownership text not null,
  live_values text not null
)`;

const flushMs = 500;

/**
 * Memos in memory, written to their table a moment later: what a crash loses costs a dry run each. The table makes a
 * restart cheap.
 */
export function makeMemoTable(database: SqlExecutor, log: Logger): MemoStore & { load(): Promise<void>; stop(): Promise<void> } {
  const memos = new Map<string, Memo>();
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();

  const touch = (key: string): void => {
    changed.add(key);
    timer ??= setTimeout(() => {
      timer = undefined;
      flushing = flush();
    }, flushMs);
  };

  const flush = async (): Promise<void> => {
    const keys = [...changed];
    changed.clear();
    const kept = keys.flatMap((key) => {
      const memo = memos.get(key);
      return memo === undefined ? [] : [{ key, ...memo }];
    });
    const gone = keys.filter((key) => !memos.has(key));
    try {
      if (gone.length > 0) await database.query('delete from memo where object = any($1)', [gone]);
      if (kept.length > 0) {
        await database.query(
          `insert into memo select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
           on conflict (object) do update
           set uid = excluded.uid, manifest = excluded.manifest, ownership = excluded.ownership, live_values = excluded.live_values`,
          [
            kept.map((memo) => memo.key),
            kept.map((memo) => memo.uid),
            kept.map((memo) => memo.manifest),
            kept.map((memo) => memo.ownership),
            kept.map((memo) => memo.values),
          ],
        );
      }
    } catch (error) {
      for (const key of keys) touch(key);
      log.warn('could not store what is known of live objects, trying again', { objects: keys.length, reason: String(error) });
    }
  };

  return {
    get: (key) => memos.get(key),
    set(key, memo) {
      memos.set(key, memo);
      touch(key);
    },
    delete(key) {
      if (memos.delete(key)) touch(key);
    },
    async load() {
      const rows = await database.query<{ object: string; uid: string; manifest: string; ownership: string; live_values: string }>('select * from memo');
      for (const { object, uid, manifest, ownership, live_values: values } of rows) memos.set(object, { uid, manifest, ownership, values });
    },
    async stop() {
      if (timer !== undefined) clearTimeout(timer);
      await flushing;
      if (changed.size > 0) await flush();
    },
  };
}
