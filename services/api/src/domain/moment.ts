import { AppError } from '@plumbline/contracts';

/** What `?at=` says: a position in the log, or a time. */
export type AskedMoment = { position: number } | { time: string };

/** What may be asked for. */
export interface MomentRange {
  /** Oldest position that is kept, and the last one. */
  oldest: number;
  head: number;
  /** Milliseconds since the epoch. */
  now: number;
}

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

/**
 * @throws AppError `invalid-argument` with the allowed range: neither a position nor a time, beyond the head, in the
 * future. `gone` with the oldest position, when the log no longer has that position.
 */
export function readMoment(text: string, range: MomentRange): AskedMoment {
  if (/^\d{1,16}$/.test(text)) {
    const position = Number(text);
    if (position < 1 || position > range.head) throw outside(range);
    if (position < range.oldest) throw goneBefore(position, range.oldest);
    return { position };
  }
  // A plus sign that was not written as %2B arrives as a space.
  const time = text.replace(/ (\d\d:\d\d)$/, '+$1');
  const ms = rfc3339.test(time) ? Date.parse(time) : NaN;
  if (!(ms <= range.now)) throw outside(range);
  return { time };
}

export const goneBefore = (position: number, oldest: number): AppError =>
  new AppError('gone', `position ${position} was exported and is no longer in the log: the oldest position is ${oldest}`, { details: { oldest } });

export const streamGone = (stream: string, oldest: number): AppError =>
  new AppError(
    'gone',
    `the beginning of stream ${stream} was exported and is no longer in the log, so its state can't be told: the oldest position is ${oldest}`,
    {
      details: { oldest },
    },
  );

/** Where nothing was recorded: the position before it is the one before the oldest. */
export const beforeEverything = '0001-01-01T00:00:00Z';

const outside = ({ oldest, head, now }: MomentRange): AppError =>
  new AppError(
    'invalid-argument',
    `at must be a position from ${oldest} to ${head}, or a time like 2026-01-31T23:59:59Z (RFC 3339) that is not after ${new Date(now).toISOString()}`,
    { details: { oldest, head } },
  );
