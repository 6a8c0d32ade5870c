import { AppError } from '@plumbline/contracts';
import { compare, hash } from 'bcryptjs';
import { limits } from '../limits.ts';

export interface PasswordChecks {
  /** Takes the same time whether or not there is a hash to compare with. */
  matches(password: string, passwordHash: string | undefined): Promise<boolean>;
  hash(password: string): Promise<string>;
}

/**
 * bcrypt, as Argo CD writes it, so that existing passwords keep working. Few at once: a flood of log-ins must not take
 * the processor from everything else. What doesn't fit in the queue is refused as `resource-exhausted`.
 */
export async function makePasswordChecks(): Promise<PasswordChecks> {
  const ofNobody = await hash(crypto.randomUUID(), limits.bcryptRounds);
  const waiting: (() => void)[] = [];
  let running = 0;

  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= limits.passwordChecksMax) {
      if (waiting.length >= limits.passwordChecksWaitingMax) {
        throw new AppError('resource-exhausted', 'too many log-ins at once; try again in a few seconds', { retry: 'later' });
      }
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };

  return {
    matches: (password, passwordHash) =>
      inTurn(async () => {
        const isRight = await compare(password, passwordHash ?? ofNobody).catch(() => false);
        return isRight && passwordHash !== undefined && Buffer.byteLength(password) <= limits.passwordBytesMax;
      }),
    hash: (password) => hash(password, limits.bcryptRounds),
  };
}
