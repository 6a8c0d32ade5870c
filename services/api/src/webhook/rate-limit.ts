import { limits } from '../limits.ts';

/** Counts per source and minute. Full: sources that are new share one count until the next minute, instead of pushing others out. */
export interface RateLimit {
  isWithin(source: string, perMinute: number, nowMs: number): boolean;
}

export function makeRateLimit(): RateLimit {
  let minute = -1;
  const counts = new Map<string, number>();
  return {
    isWithin: (source, perMinute, nowMs) => {
      const current = Math.floor(nowMs / 60_000);
      if (current !== minute) {
        minute = current;
        counts.clear();
      }
      const key = counts.has(source) || counts.size < limits.webhookSourcesMax ? source : 'others';
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count <= perMinute;
    },
  };
}
