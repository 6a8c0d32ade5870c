import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';

export interface PollOptions {
  what: string;
  timeoutMs: number;
  /** Settles when waiting has become pointless (the process ended); a rejection is passed on. */
  unless?: Promise<unknown>;
  /** What to say besides when time is up. */
  explain?: () => Promise<string> | string;
}

/** Asks until the answer is neither undefined nor false. An error counts as "not yet" and is told when time is up. */
export async function poll<T>(ask: () => Promise<T | undefined | false>, options: PollOptions): Promise<T> {
  const deadline = Date.now() + options.timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const answer = await (options.unless === undefined ? ask() : Promise.race([ask(), options.unless.then(() => false as const, giveUp)]));
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      if (error instanceof Pointless) throw error.cause;
      cause = error;
    }
    if (Date.now() > deadline) {
      const explanation = (await options.explain?.()) ?? (cause instanceof Error ? cause.message : '');
      throw new AppError('deadline-exceeded', `${options.what} was not ready after ${Math.round(options.timeoutMs / 1000)} s. ${explanation}`.trim(), {
        cause,
      });
    }
    await sleep(limits.pollMs);
  }
}

class Pointless extends Error {}

const giveUp = (cause: unknown): never => {
  throw new Pointless('pointless', { cause });
};
