import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';

const firstPauseMs = 10;
const pauseMsMax = 500;

/**
 * Looks again and again, from 10 ms up to half a second apart, until `look` answers something; the error tells what was
 * seen last. `look` answers undefined (and may say why through `note`) while it isn't there yet.
 */
export async function eventually<T>(what: string, look: (note: (seen: unknown) => void) => Promise<T | undefined>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let seen: unknown;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMsMax, pauseMs * 1.5)) {
    try {
      const found = await look((value) => (seen = value));
      if (found !== undefined) return found;
    } catch (error) {
      // A service that is being restarted is not an answer; anything else is.
      if (!AppError.is(error) || error.retry !== 'later') throw error;
      seen = error.message;
    }
    if (Date.now() > deadline) throw new AppError('deadline-exceeded', `${what}: not within ${timeoutMs} ms; seen last: ${JSON.stringify(seen, undefined, 1)}`);
    await sleep(pauseMs);
  }
}

/** True the whole time. */
export async function consistently(what: string, holds: () => Promise<boolean>, forMs = 1_500): Promise<void> {
  const end = Date.now() + forMs;
  while (Date.now() < end) {
    if (!(await holds())) throw new AppError('failed-precondition', `${what}: did not hold for ${forMs} ms`);
    await sleep(50);
  }
}
