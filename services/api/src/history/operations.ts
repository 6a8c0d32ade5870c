import { AppError } from '@plumbline/contracts';
import type { ApplicationSource, OperationInitiator } from '@plumbline/contracts';
import type { SqlExecutor } from '@plumbline/event-log';
import { limits } from '../limits.ts';

/** One operation of an application, as it ended or as far as it is. */
export interface PastOperation {
  /** Of its request in the log; `before=` of the next page. */
  position: number;
  /** Number in `status.history`; only of whole syncs that succeeded. */
  id?: number;
  /** Of the Application: another one had the same name before. */
  uid: string;
  revision: string;
  trigger: string;
  initiatedBy: OperationInitiator;
  dryRun?: true;
  requestedAt: string;
  startedAt?: string;
  finishedAt?: string;
  phase: string;
  message: string;
  attempts: number;
  source?: ApplicationSource;
  sources?: ApplicationSource[];
}

export interface OperationPage {
  /** Newest first. */
  items: PastOperation[];
  /** `before` of the next page; absent on the last one. */
  next?: number;
}

export interface OperationQuery {
  before: number;
  limit: number;
}

const parameters = {
  before: { otherwise: Number.MAX_SAFE_INTEGER, min: 1, max: Number.MAX_SAFE_INTEGER },
  limit: { otherwise: limits.historyPageDefault, min: 1, max: limits.historyPageMax },
} as const;

/** @throws AppError `invalid-argument` with what is allowed. */
export function parseOperationQuery(query: Readonly<Record<string, unknown>>): OperationQuery {
  for (const name of Object.keys(query))
    if (!Object.hasOwn(parameters, name)) throw new AppError('invalid-argument', `unknown parameter "${name.slice(0, 40)}"; allowed are before, limit`);
  const read = (name: keyof typeof parameters): number => {
    const { otherwise, min, max } = parameters[name];
    const text = query[name];
    if (text === undefined) return otherwise;
    const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
    if (!(value >= min && value <= max)) throw new AppError('invalid-argument', `${name} must be a whole number from ${min} to ${max}`);
    return value;
  };
  return { before: read('before'), limit: read('limit') };
}

interface Row {
  position: string;
  history_id: number | null;
  uid: string;
  revision: string;
  trigger: string;
  initiated_by: OperationInitiator;
  is_dry_run: boolean;
  requested_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  phase: string;
  message: string;
  attempts: number;
  sources: { source?: ApplicationSource; sources?: ApplicationSource[] } | null;
}

/** Every operation that any application of this name ever had, of the projects that the caller may see it in. */
export async function readOperations(
  database: SqlExecutor,
  id: { namespace: string; name: string },
  { before, limit }: OperationQuery,
  mayGet: (project: string) => boolean,
): Promise<OperationPage> {
  const whose = 'from application_life l join application_operation o on o.stream = l.stream where l.namespace = $1 and l.name = $2';
  const projects = await database.query<{ project: string }>(`select distinct o.project ${whose}`, [id.namespace, id.name]);
  const visible = projects.map(({ project }) => project).filter(mayGet);
  const rows = await database.query<Row>(`select o.*, l.uid ${whose} and o.project = any($3) and o.position < $4 order by o.position desc limit $5`, [
    id.namespace,
    id.name,
    visible,
    before,
    limit + 1,
  ]);
  const items = rows.slice(0, limit).map(shown);
  const last = items.at(-1);
  return { items, ...(rows.length > limit && last !== undefined ? { next: last.position } : {}) };
}

function shown(row: Row): PastOperation {
  return {
    position: Number(row.position),
    ...(row.history_id === null ? {} : { id: row.history_id }),
    uid: row.uid,
    revision: row.revision,
    trigger: row.trigger,
    initiatedBy: row.initiated_by,
    ...(row.is_dry_run ? { dryRun: true as const } : {}),
    requestedAt: row.requested_at.toISOString(),
    ...(row.started_at === null ? {} : { startedAt: row.started_at.toISOString() }),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at.toISOString() }),
    phase: row.phase,
    message: row.message,
    attempts: row.attempts,
    ...row.sources,
  };
}
