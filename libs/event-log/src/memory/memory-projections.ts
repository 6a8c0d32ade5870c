import { AppError } from '@plumbline/contracts';
import type { ProjectionStore, Shadow, TableDifference } from '../consumer/projection-store.ts';
import { differencesShownMax, rebuildSilenceMsMax } from '../limits.ts';
import type { ProjectionRun, ProjectionTable } from '../port.ts';
import type { MemoryDatabase, MemoryTable, MemoryTx } from './memory-database.ts';

type Row = ProjectionRun & { token: string };

/** Projections in tables of the database; the shadow of one has a name that no projection can have. */
export function makeMemoryProjections(database: MemoryDatabase): ProjectionStore<MemoryTx> {
  const names = new Map<string, readonly string[]>();
  const dropShadow = (tx: MemoryTx, consumer: string): void => names.get(consumer)?.forEach((name) => clear(tx, shadowName(consumer, name)));
  const runs = makeRuns(database, dropShadow);
  return {
    ...runs,
    damage: async () => [],
    areThere: async () => true,
    recreate: async (tx, tables) => tables.forEach(({ name }) => clear(tx, name)),
    async openShadow(consumer, token, tables) {
      const isOpen = await database.transaction(async (tx) => {
        if (!(await runs.hold(tx, consumer, token))) return false;
        dropShadow(tx, consumer);
        return true;
      });
      if (!isOpen) return undefined;
      names.set(
        consumer,
        tables.map(({ name }) => name),
      );
      return makeShadow(database, consumer, tables);
    },
  };
}

function clear(tx: MemoryTx, name: string): void {
  const table = tx.table(name);
  for (const [key] of table.entries()) table.delete(key);
}

type Runs = Pick<ProjectionStore<MemoryTx>, 'watch' | 'lastRun' | 'claim' | 'report' | 'hold' | 'abandon'>;

function makeRuns(database: MemoryDatabase, dropShadow: (tx: MemoryTx, consumer: string) => void): Runs {
  const runs = (tx: MemoryTx): MemoryTable<Row> => tx.table<Row>('projection_run');
  const holds = (tx: MemoryTx, consumer: string, token: string): boolean => {
    const row = runs(tx).get(consumer);
    return row?.token === token && row.state === 'running';
  };
  /** Of two at the same moment one is refused by the database: the other was quicker. */
  const firstOnly = async (work: (tx: MemoryTx) => Promise<boolean>): Promise<boolean> => {
    try {
      return await database.transaction(work);
    } catch (error) {
      if (AppError.from(error).code === 'unavailable') return false;
      throw error;
    }
  };
  return {
    watch: (consumer, owner, nowMs) =>
      database.transaction(async (tx) => {
        if (runs(tx).get(consumer) === undefined)
          runs(tx).set(consumer, { ...newRun({ consumer, kind: 'compare', owner, nowMs }), state: 'waiting', token: '' });
      }),
    lastRun: (consumer) =>
      database.transaction(async (tx) => {
        const row = runs(tx).get(consumer);
        if (row === undefined) return undefined;
        const { token: _, ...run } = row;
        return run;
      }),
    claim: ({ token, startedBeforeMs, ...claim }) =>
      firstOnly(async (tx) => {
        const last = runs(tx).get(claim.consumer);
        const isBusy = last?.state === 'running' && Date.parse(last.at) >= claim.nowMs - rebuildSilenceMsMax;
        if (isBusy || (startedBeforeMs !== undefined && last !== undefined && Date.parse(last.startedAt) >= startedBeforeMs)) return false;
        runs(tx).set(claim.consumer, { ...newRun(claim), token });
        return true;
      }),
    report: (token, run) =>
      database.transaction(async (tx) => {
        if (!holds(tx, run.consumer, token)) return false;
        runs(tx).set(run.consumer, { ...run, token });
        if (run.state !== 'running') dropShadow(tx, run.consumer);
        return true;
      }),
    hold: async (tx, consumer, token) => holds(tx, consumer, token),
    abandon: (consumer, message) =>
      database.transaction(async (tx) => {
        const row = runs(tx).get(consumer);
        if (row?.state !== 'running') return;
        runs(tx).set(consumer, { ...row, state: 'failed', message });
        dropShadow(tx, consumer);
      }),
  };
}

function newRun({ consumer, kind, owner, nowMs }: { consumer: string; kind: ProjectionRun['kind']; owner: string; nowMs: number }): ProjectionRun {
  const at = new Date(nowMs).toISOString();
  return { consumer, kind, state: 'running', owner, position: 0, head: 0, eventsPerSecond: 0, parked: 0, startedAt: at, at, message: 'replays the log' };
}

const shadowName = (consumer: string, table: string): string => `${consumer}\n${table}`;

function makeShadow(database: MemoryDatabase, consumer: string, tables: readonly ProjectionTable[]): Shadow<MemoryTx> {
  const shadowed = new Set(tables.map(({ name }) => name));
  const outer = new WeakMap<MemoryTx, MemoryTx>();
  const live = (tx: MemoryTx): MemoryTx => outer.get(tx) ?? tx;
  const entriesOf = (tx: MemoryTx, name: string): [string, unknown][] => tx.table(name).entries();
  return {
    transaction: (work) =>
      database.transaction(async (tx) => {
        const inner: MemoryTx = { table: <R>(name: string) => tx.table<R>(shadowed.has(name) ? shadowName(consumer, name) : name) };
        outer.set(inner, tx);
        return work(inner);
      }),
    async swap(tx) {
      for (const { name } of tables) {
        const table = live(tx).table(name);
        for (const [key] of table.entries()) table.delete(key);
        for (const [key, row] of entriesOf(tx, name)) table.set(key, row);
      }
    },
    async compare(tx) {
      return tables.map(({ name, incomparable = {} }): TableDifference => {
        const [before, after] = [entriesOf(live(tx), name), entriesOf(tx, name)];
        const surplus = [...surplusOf(before, after, incomparable), ...surplusOf(after, before, incomparable)];
        return { table: name, rows: before.length, differences: surplus.length, sample: [...new Set(surplus)].toSorted().slice(0, differencesShownMax) };
      });
    },
  };
}

/** Keys of the rows in `some` that `others` hasn't as often. */
function surplusOf(some: readonly [string, unknown][], others: readonly [string, unknown][], incomparable: Readonly<Record<string, string>>): string[] {
  const left = new Map<string, number>();
  for (const [, row] of others) left.set(textOf(row, incomparable), (left.get(textOf(row, incomparable)) ?? 0) + 1);
  return some.flatMap(([key, row]) => {
    const count = left.get(textOf(row, incomparable)) ?? 0;
    left.set(textOf(row, incomparable), count - 1);
    return count > 0 ? [] : [key];
  });
}

const textOf = (row: unknown, incomparable: Readonly<Record<string, string>>): string =>
  JSON.stringify(row, (key, value: unknown) => (Object.hasOwn(incomparable, key) ? undefined : value));
