import { EventEmitter } from 'node:events';
import type { Faults } from '../faults.ts';
import { runningProcess } from '../time/process.ts';
import { SqlError, type SqlResult, type SqlServer } from './sql-server.ts';

/** With or without a name to prepare it under: here everything is prepared. */
type Statement = string | { text: string; values?: readonly unknown[] };

export interface DoneStatement {
  sql: string;
  values: readonly unknown[];
  rows: readonly Record<string, unknown>[];
}

type Callback = (error: Error | undefined, client?: Client, release?: (error?: unknown) => void) => void;

/** What the drivers of one simulation share; `faults` changes with each. */
export interface SqlAccess {
  server: SqlServer;
  faults: Faults | undefined;
  /** Told of each statement at the moment it takes effect. */
  observe?: ((process: string, done: DoneStatement) => void) | undefined;
}

const connectionLost = (): Error => new SqlError('08006', 'the connection to PostgreSQL broke (simulated)');

/** A connection of `pg` as far as the log and TypeORM use it. Each statement is a step in which things can go wrong. */
class Client extends EventEmitter {
  readonly #access: SqlAccess;
  readonly #schema: string;
  #isBroken = false;

  constructor(access: SqlAccess, schema: string) {
    super();
    this.#access = access;
    this.#schema = schema;
    runningProcess()?.whenDead(() => this.end());
  }

  async query(statement: Statement, parameters: readonly unknown[] = []): Promise<SqlResult> {
    const sql = typeof statement === 'string' ? statement : statement.text;
    const values = typeof statement === 'string' ? parameters : (statement.values ?? []);
    const { server, faults } = this.#access;
    const owner = runningProcess()?.name ?? '';
    const effect = (): Promise<SqlResult> =>
      server.inTurn(this, sql, () => {
        // Its turn came after its end.
        if (this.#isBroken) throw connectionLost();
        const result = server.query(this, this.#schema, sql, values);
        this.#access.observe?.(owner, { sql, values, rows: result.rows });
        return result;
      });
    if (faults === undefined) return effect();
    if (this.#isBroken) throw connectionLost();
    const failure = (): Error => {
      this.end();
      return connectionLost();
    };
    return faults.call('sql', sql.slice(0, 60).replaceAll(/\s+/g, ' '), failure, effect);
  }

  /** The server undoes what was not committed. */
  end(): void {
    this.#isBroken = true;
    this.#access.server.abandon(this);
  }
}

/** A pool of `pg`: connections of one schema's search path. */
export class Pool extends EventEmitter {
  readonly #access: SqlAccess;
  readonly #schema: string;

  constructor(access: SqlAccess, schema: string) {
    super();
    this.#access = access;
    this.#schema = schema;
  }

  connect(callback?: Callback): Promise<Client & { release(destroy?: unknown): void }> | undefined {
    const client = Object.assign(new Client(this.#access, this.#schema), { release: (destroy?: unknown) => void (destroy ? client.end() : undefined) });
    if (callback === undefined) return Promise.resolve(client);
    // As `pg` does it: never within the caller's stack.
    queueMicrotask(() => callback(undefined, client, client.release));
    return undefined;
  }

  query(statement: Statement, values: readonly unknown[] = []): Promise<SqlResult> {
    return new Client(this.#access, this.#schema).query(statement, values);
  }

  end(callback?: () => void): Promise<void> {
    callback?.();
    return Promise.resolve();
  }
}
