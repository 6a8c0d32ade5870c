import { AppError } from '@plumbline/contracts';

/** Counts open subscriptions and waiting pages, over all interfaces. */
export interface Watchers {
  /** @throws AppError `resource-exhausted` */
  hold<T>(work: () => Promise<T>): Promise<T>;
  /** Takes a place; the answer gives it back. */
  take(): () => void;
}

export function makeWatchers(max: number): Watchers {
  let open = 0;
  const take = (): (() => void) => {
    if (open >= max) throw new AppError('resource-exhausted', `more than ${max} event streams are open; try again later`, { retry: 'later' });
    open++;
    return () => void open--;
  };
  return {
    take,
    hold: async (work) => {
      const release = take();
      try {
        return await work();
      } finally {
        release();
      }
    },
  };
}
