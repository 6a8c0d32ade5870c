import { AppError } from '@plumbline/contracts';
import { groupBytesMax, groupEventsMax } from './limits.ts';
import type { PreparedAppend } from './prepare.ts';

export type Outcome<Answer> = { answer: Answer } | { error: unknown };

interface Waiting<Answer> {
  request: PreparedAppend;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/**
 * Group commit: an append goes out at once when none is on its way; those that come meanwhile go together in the next
 * round trip. Requests of one group share no stream, so each has its own outcome, and those of one stream keep the
 * order in which they came.
 */
export function makeGroupCommit<Answer>(
  commit: (group: readonly PreparedAppend[]) => Promise<Outcome<Answer>[]>,
): (request: PreparedAppend) => Promise<Answer> {
  let waiting: Waiting<Answer>[] = [];
  let isCommitting = false;

  function takeGroup(): Waiting<Answer>[] {
    const group: Waiting<Answer>[] = [];
    const left: Waiting<Answer>[] = [];
    const streams = new Set<string>();
    let events = 0;
    let bytes = 0;
    for (const entry of waiting) {
      const { parts, eventCount, sizeBytes } = entry.request;
      const fits = group.length === 0 || (events + eventCount <= groupEventsMax && bytes + sizeBytes <= groupBytesMax);
      if (fits && parts.every((part) => !streams.has(part.stream))) {
        group.push(entry);
        events += eventCount;
        bytes += sizeBytes;
      } else {
        left.push(entry);
      }
      // Also those left behind: a later request of the same stream must not overtake.
      for (const part of parts) streams.add(part.stream);
    }
    waiting = left;
    return group;
  }

  async function commitAll(): Promise<void> {
    isCommitting = true;
    while (waiting.length > 0) {
      const group = takeGroup();
      let outcomes: Outcome<Answer>[];
      try {
        outcomes = await commit(group.map((entry) => entry.request));
      } catch (error) {
        outcomes = group.map(() => ({ error }));
      }
      group.forEach((entry, index) => {
        const outcome = outcomes[index] ?? { error: new AppError('internal', 'an append was given no outcome') };
        if ('answer' in outcome) entry.resolve(outcome.answer);
        else entry.reject(outcome.error);
      });
    }
    isCommitting = false;
  }

  return (request) =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push({ request, resolve, reject });
      if (!isCommitting) void commitAll();
    });
}
