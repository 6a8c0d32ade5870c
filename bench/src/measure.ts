/** Percentiles of a series of milliseconds, rounded to a tenth. */
export function summary(valuesMs: readonly number[]): { n: number; p50: number; p99: number; min: number; max: number } {
  const sorted = [...valuesMs].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]! * 10) / 10;
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), min: at(0), max: at(1) };
}

/** One line per figure, for machines and people. */
export function print(figure: string, values: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify({ figure, ...values }));
}

export const rounded = (value: number): number => Math.round(value * 100) / 100;

/** So many at a time, in their order. */
export async function inLanes<Item>(items: readonly Item[], lanes: number, work: (item: Item) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
