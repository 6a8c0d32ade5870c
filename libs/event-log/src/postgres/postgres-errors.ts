import { AppError } from '@plumbline/contracts';

const unavailableStates = new Set(['55P03', '40001', '40P01', '25P03', '57P01', '57P02', '57P03', '57P05']);
/**
 * The server's state, which somebody ends, not our statement: class 53 is what ran out (disk, memory, connections), 58030
 * a disk that fails, 25006 a server that may only be read, as a standby is, or a primary that is being taken out.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const isOutage = (code: string): boolean => code.startsWith('53') || code === '58030' || code === '25006';
const systemErrors = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ENOENT', 'EHOSTUNREACH']);
// What `pg` says without a code.
const connectionMessages = /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout)/;

/**
 * PostgreSQL's errors as ours: no connection, a lock that wasn't to be had, a deadlock, a full disk, a server that is only
 * read → `unavailable`, retry later; a statement that took too long → `deadline-exceeded`; what our functions refuse → `failed-precondition`; what the role
 * may not → `permission-denied`; anything else is `internal`: our SQL was wrong. An AppError
 * comes back as it is. TypeORM's wrapping is looked through.
 */
export function postgresError(error: unknown, doing: string): AppError {
  if (AppError.is(error)) return error;
  const code = codeOf(error);
  const said = error instanceof Error ? error.message || error.name : String(error);
  const message = `PostgreSQL, ${doing}: ${said}`;
  const isConnection = code === undefined ? connectionMessages.test(said) : code.startsWith('08') || systemErrors.has(code);
  if (isConnection || (code !== undefined && (unavailableStates.has(code) || isOutage(code))))
    return new AppError('unavailable', message, { retry: 'later', cause: error });
  if (code === '57014') return new AppError('deadline-exceeded', message, { retry: 'later', cause: error });
  if (code === '55000') return new AppError('failed-precondition', message, { cause: error });
  if (code === '42501') return new AppError('permission-denied', `${message}; see plumb log grant`, { cause: error });
  return new AppError('internal', message, { cause: error, details: code === undefined ? {} : { sqlState: code } });
}

/** `pg` gave up waiting for an answer: the connection may be one that nobody holds the other end of. Looks through what wraps it. */
export const isSilence = (error: unknown): boolean =>
  error instanceof Error && (error.message.startsWith('Query read timeout') || (error.cause !== undefined && isSilence(error.cause)));

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code, driverError } = error as { code?: unknown; driverError?: unknown };
  return typeof code === 'string' ? code : codeOf(driverError);
}

export const noHead = (): AppError => new AppError('failed-precondition', 'the event log has no head row: run migrateEventLog on this database');
