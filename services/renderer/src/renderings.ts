import type { SourceType } from '@plumbline/contracts';
import type { Trace } from './domain/trace.ts';
import { limits } from './limits.ts';

/** A render that is remembered. */
export interface Rendering {
  traceId: string;
  trace: Trace;
  manifestSet: string;
  sourceType: SourceType;
  objects: number;
  /** Milliseconds since the epoch. */
  usedAt: number;
}

/** Remembered renders by address; disposable, since anything can be rendered again. */
export interface Renderings {
  /** Last used first. */
  find(address: string): Promise<Rendering[]>;
  save(address: string, rendering: Rendering): Promise<void>;
  /** The last used of each of these addresses, at most `limits.tracesRecalledMax` of one. */
  findEach(addresses: readonly string[]): Promise<Map<string, Rendering[]>>;
  touch(used: readonly { address: string; traceId: string }[], usedAt: number): Promise<void>;
  /** Forget what was not used since. */
  sweep(before: number): Promise<void>;
}

const columns = 'trace_id, trace, manifest_set, source_type, objects, used_at';

interface Row {
  trace_id: string;
  trace: string;
  manifest_set: string;
  source_type: SourceType;
  objects: number;
  used_at: Date;
}

/** `query` runs one statement in the service's schema. */
export function makeRenderings(query: (sql: string, parameters: unknown[]) => Promise<unknown>): Renderings {
  return {
    async find(address) {
      const rows = (await query(`select ${columns} from rendering where address = $1 order by used_at desc`, [address])) as Row[];
      return rows.map(renderingOf);
    },
    async findEach(addresses) {
      const rows = (await query(
        `select address, remembered.* from unnest($1::text[]) as wanted (address)
           cross join lateral (select ${columns} from rendering where rendering.address = wanted.address order by used_at desc limit $2) as remembered`,
        [[...new Set(addresses)], limits.tracesRecalledMax],
      )) as (Row & { address: string })[];
      const found = new Map<string, Rendering[]>();
      for (const row of rows) {
        const known = found.get(row.address);
        if (known === undefined) found.set(row.address, [renderingOf(row)]);
        else known.push(renderingOf(row));
      }
      return found;
    },
    async save(address, { traceId, trace, manifestSet, sourceType, objects, usedAt }) {
      await query(
        `insert into rendering (address, trace_id, trace, manifest_set, source_type, objects, used_at) values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (address, trace_id) do update set manifest_set = excluded.manifest_set, source_type = excluded.source_type, objects = excluded.objects, used_at = excluded.used_at`,
        [address, traceId, JSON.stringify(trace), manifestSet, sourceType, objects, new Date(usedAt)],
      );
      await query(
        `delete from rendering where address = $1
           and trace_id in (select trace_id from rendering where address = $1 order by used_at desc, trace_id offset $2)`,
        [address, limits.tracesPerAddressMax],
      );
    },
    async touch(used, usedAt) {
      await query(
        'update rendering set used_at = $3 from unnest($1::text[], $2::text[]) as used (address, trace_id) where rendering.address = used.address and rendering.trace_id = used.trace_id',
        [used.map(({ address }) => address), used.map(({ traceId }) => traceId), new Date(usedAt)],
      );
    },
    async sweep(before) {
      await query('delete from rendering where used_at < $1', [new Date(before)]);
    },
  };
}

const renderingOf = (row: Row): Rendering => ({
  traceId: row.trace_id,
  trace: JSON.parse(row.trace) as Trace,
  manifestSet: row.manifest_set,
  sourceType: row.source_type,
  objects: row.objects,
  usedAt: row.used_at.getTime(),
});
