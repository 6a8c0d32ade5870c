/** Numbers that look random and are the same again for the same seed: a run can be repeated. */
export interface Random {
  /** A whole number from 0 to `end - 1`. */
  below(end: number): number;
  /** A whole number from `first` to `last`. */
  between(first: number, last: number): number;
  pick<T>(items: readonly T[]): T;
  /** Another sequence that doesn't depend on how much of this one was used. */
  fork(name: string): Random;
}

/** Mulberry32: small, and good enough to choose moments with. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number): number => Math.floor(next() * end);
  return {
    below,
    between: (first, last) => first + below(last - first + 1),
    pick: (items) => {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[below(items.length)]!;
    },
    fork: (name) => seeded(Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193), seed ^ 0x811c9dc5)),
  };
}
