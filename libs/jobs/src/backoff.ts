import { limits } from './limits.ts';

export interface WorkOptions {
  concurrency?: number;
  attemptsMax?: number;
  backoffMs?: number;
}

/** `attempt` = how many have failed; doubling from `backoffMs`, at most a minute. */
export function retryDelayMs(attempt: number, options: WorkOptions): number {
  const first = options.backoffMs ?? limits.backoffMs;
  return Math.min(first * 2 ** Math.max(0, attempt - 1), limits.backoffMsMax);
}

export const mayRetry = (attempt: number, options: WorkOptions): boolean => attempt < (options.attemptsMax ?? limits.attemptsMax);
