import type { AuditedLog } from '../audit/audited-log.ts';
import type { ChainHead, ChainLink } from '../chain.ts';
import type { SqlExecutor } from '../port.ts';
import { eventLines, eventRowOf } from './append.ts';
import { noHead } from './postgres-errors.ts';
import { prepared } from './sql-executor.ts';

/** What a check of the log reads. */
export function auditOf(executor: SqlExecutor): AuditedLog {
  return {
    readChain: (query) => readChain(executor, query),
    chainHead: () => readChainHead(executor),
    async streamVersions(streams) {
      const rows = await executor.query<{ id: string; version: number }>('select id, version from log.stream where id = any ($1::text[])', [streams]);
      return new Map(rows.map((row) => [row.id, row.version]));
    },
    async versionsBefore(streams, position) {
      const rows = await executor.query<{ stream: string; version: number }>(
        `select s.stream, e.version from unnest($1::text[]) s(stream)
         cross join lateral (select version from log.event e where e.stream = s.stream and e.position < $2 order by version desc limit 1) e`,
        [streams, position],
      );
      return new Map(rows.map((row) => [row.stream, row.version]));
    },
    async disagreeingStreams(limit) {
      const rows = await executor.query<{ id: string; version: number; last: number | null }>(
        `select s.id, s.version, e.last from log.head h cross join log.stream s
         cross join lateral (select max(version) as last from log.event e where e.stream = s.id) e
         where e.last is distinct from s.version and not (e.last is null and h.oldest > 1) limit $1`,
        [limit],
      );
      return rows.map(({ id, version, last }) => ({ stream: id, version, lastEvent: last ?? undefined }));
    },
  };
}

async function readChain(executor: SqlExecutor, { after, limit }: { after: number; limit: number }): Promise<ChainLink[]> {
  const rows = await executor.query<{ event: string; hash: Buffer }>(chainSql, [after, limit]);
  return rows.map(({ event, hash }): ChainLink => {
    const row = eventRowOf(event);
    return { ...row, position: Number(row.position), hash };
  });
}

const chainSql = prepared('chain', `select ${eventLines} as event, hash from log.event where position > $1 order by position limit $2`);

async function readChainHead(executor: SqlExecutor): Promise<ChainHead> {
  type Row = { position: string; hash: Buffer; generation: string; oldest: string; oldest_hash: Buffer };
  const [row] = await executor.query<Row>('select position, hash, generation, oldest, oldest_hash from log.head');
  if (row === undefined) throw noHead();
  const { hash, generation, oldest_hash: oldestHash } = row;
  return { position: Number(row.position), hash, generation, oldest: Number(row.oldest), oldestHash };
}
