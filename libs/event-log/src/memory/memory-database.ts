import { AppError } from '@plumbline/contracts';

/** Rows of one table within a transaction: its own writes, over what was committed. */
export interface MemoryTable<Row> {
  get(key: string): Row | undefined;
  /** Rows are replaced, never changed in place. */
  set(key: string, row: Row): void;
  delete(key: string): void;
  /** In the order of first insertion. */
  entries(): [string, Row][];
}

/** The twin of an SQL transaction. */
export interface MemoryTx {
  table<Row>(name: string): MemoryTable<Row>;
}

/** What hangs on a transaction: called once, when it has ended. */
export type AfterTransaction = (outcome: 'committed' | 'rolled back') => void;

/**
 * Tables of rows by key, for projections and checkpoints on the in-memory twin of the log. A transaction sees what is
 * committed plus its own writes; the first of two that wrote the same row wins, the other is refused as `unavailable`.
 */
export interface MemoryDatabase {
  transaction<R>(work: (tx: MemoryTx) => Promise<R>): Promise<R>;
  /** Committed rows. */
  rows<Row>(table: string): [string, Row][];
  /** For what else must happen when `tx` ends (the log's appends). */
  after(tx: MemoryTx, done: AfterTransaction): void;
}

const removed = Symbol('removed');

interface Write {
  before: unknown;
  row: unknown;
}

export function makeMemoryDatabase(): MemoryDatabase {
  const tables = new Map<string, Map<string, unknown>>();
  const endings = new WeakMap<MemoryTx, AfterTransaction[]>();

  const tableOf = (name: string): Map<string, unknown> => {
    const table = tables.get(name) ?? new Map<string, unknown>();
    tables.set(name, table);
    return table;
  };

  function begin(): { tx: MemoryTx; commit(): void } {
    const writes = new Map<string, Map<string, Write>>();
    const tx: MemoryTx = { table: <Row>(name: string) => overlay<Row>(tableOf(name), writesOf(name)) };
    const writesOf = (name: string): Map<string, Write> => {
      const own = writes.get(name) ?? new Map<string, Write>();
      writes.set(name, own);
      return own;
    };
    return {
      tx,
      commit() {
        for (const [name, own] of writes) {
          for (const [key, { before }] of own) {
            if (tableOf(name).get(key) !== before)
              throw new AppError('unavailable', `row ${key} of ${name} was written by another transaction: run this one again`, { retry: 'later' });
          }
        }
        for (const [name, own] of writes) {
          for (const [key, { row }] of own) {
            if (row === removed) tableOf(name).delete(key);
            else tableOf(name).set(key, row);
          }
        }
      },
    };
  }

  return {
    async transaction(work) {
      const { tx, commit } = begin();
      endings.set(tx, []);
      let outcome: 'committed' | 'rolled back' = 'rolled back';
      try {
        const result = await work(tx);
        commit();
        outcome = 'committed';
        return result;
      } finally {
        for (const done of endings.get(tx) ?? []) done(outcome);
        endings.delete(tx);
      }
    },
    rows: <Row>(name: string) => [...tableOf(name)] as [string, Row][],
    after(tx, done) {
      const list = endings.get(tx);
      if (list === undefined) throw new AppError('failed-precondition', 'this transaction has ended, or is not of this database');
      list.push(done);
    },
  };
}

function overlay<Row>(committed: ReadonlyMap<string, unknown>, writes: Map<string, Write>): MemoryTable<Row> {
  const write = (key: string, row: unknown): void => {
    const earlier = writes.get(key);
    writes.set(key, { before: earlier === undefined ? committed.get(key) : earlier.before, row });
  };
  return {
    get(key) {
      const own = writes.get(key);
      if (own === undefined) return committed.get(key) as Row | undefined;
      return own.row === removed ? undefined : (own.row as Row);
    },
    set: write,
    delete: (key) => write(key, removed),
    entries() {
      const merged = new Map(committed);
      for (const [key, { row }] of writes) {
        if (row === removed) merged.delete(key);
        else merged.set(key, row);
      }
      return [...merged] as [string, Row][];
    },
  };
}
