import { AppError } from '@plumbline/contracts';

/** How many follow the log or wait for it: a bounded number, over all transports. */
export interface Watchers {
  /**
   * Answers how to leave again.
   *
   * @throws AppError `resource-exhausted`
   */
  take(): () => void;
  count(): number;
}

export function makeWatchers(max: number): Watchers {
  let open = 0;
  return {
    take() {
      if (open >= max) throw new AppError('resource-exhausted', `${max} event streams are open, which is the limit; try again later`, { retry: 'later' });
      open++;
      let isOpen = true;
      return () => {
        if (isOpen) open--;
        isOpen = false;
      };
    },
    count: () => open,
  };
}
