import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import pgUtils from 'pg/lib/utils.js';
import { withoutTimers } from '../time/virtual-time.ts';
import { execute, prepare, readAnswer, simpleQuery, type Answer, type Column } from './wire.ts';

export interface SqlResult {
  rows: Record<string, unknown>[];
  rowCount: number;
  command: string;
}

/** An error as `pg` throws it. */
export class SqlError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * PostgreSQL in this process (PGlite, compiled to WebAssembly): the very statements of production run on it. It has one
 * session, so transactions follow one another; who comes meanwhile waits its turn.
 */
export class SqlServer {
  readonly #database: PGlite;
  readonly #prepared = new Map<string, { name: string; columns: Column[] }>();
  #schema = '';
  #holder: object | undefined;
  #waiting: { session: object; proceed: () => void }[] = [];
  #isReplica = false;
  /** The open transaction has changed nothing of the log, so that what others would read there is what it sees. */
  #isLogUntouched = true;

  private constructor(database: PGlite) {
    this.#database = database;
  }

  static async start(): Promise<SqlServer> {
    const server = new SqlServer(await PGlite.create());
    server.simple("set timezone = 'UTC'");
    return server;
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Nobody is in a transaction. */
  isIdle(): boolean {
    return this.#holder === undefined;
  }

  /** Works when no other session is in a transaction. */
  async inTurn<R>(session: object, sql: string, work: () => R): Promise<R> {
    if (this.#mayOvertake(sql)) return work();
    // Of several that wait, the first may begin a transaction of its own.
    while (this.#holder !== undefined && this.#holder !== session && !this.#mayOvertake(sql)) {
      await new Promise<void>((resolve) => void this.#waiting.push({ session, proceed: resolve }));
    }
    return work();
  }

  /** One statement; a transaction belongs to the session that began it. */
  query(session: object, schema: string, sql: string, values: readonly unknown[] = []): SqlResult {
    if (this.#holder !== undefined && this.#holder !== session) {
      if (this.#mayOvertake(sql)) return this.peek(sql, values);
      throw new Error('a statement out of turn');
    }
    // Within a transaction the path is its own: it may have been set for it alone.
    if (this.#holder === undefined) this.#enter(schema);
    const verb = /^\s*(\w+)/.exec(sql)?.[1]?.toLowerCase() ?? '';
    if (verb === 'begin' || verb === 'start') this.#holder = session;
    if (/\blog\.(?!head|event|stream)\w+/.test(sql)) this.#isLogUntouched = false;
    try {
      return this.#run(schema, sql, values);
    } catch (error) {
      // PostgreSQL answers nothing more in this transaction.
      this.#isLogUntouched = false;
      throw error;
    } finally {
      if ((verb === 'commit' || verb === 'rollback') && !/rollback\s+to/i.test(sql)) this.#release();
    }
  }

  /** A question of the world itself, which sees what the open transaction sees; it names the schema of everything. */
  peek(sql: string, values: readonly unknown[] = []): SqlResult {
    return this.#run('', sql, values);
  }

  /** The connection of this session broke: what it had begun is undone, what it waited for is not done. */
  abandon(session: object): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.session !== session);
    if (this.#holder !== session) return;
    this.#run('', 'rollback', []);
    this.#release();
  }

  /**
   * Readers of the log need not wait for a transaction that left it alone: the product reads the feed while it holds one
   * (a comparison, a rebuild), on another connection.
   */
  #mayOvertake(sql: string): boolean {
    return this.#isLogUntouched && /^\s*select\b/i.test(sql) && /\bfrom log\.(head|event|stream)\b/.test(sql) && !/\blog\.\w+\(|\bfor update\b/.test(sql);
  }

  /** Nobody is connected any more. */
  abandonAll(): void {
    this.#waiting = [];
    if (this.#holder !== undefined) this.abandon(this.#holder);
  }

  /** Statements of the world itself, between two transactions; several at once. */
  simple(sql: string): void {
    const { error } = readAnswer(this.#exchange(simpleQuery(sql)));
    if (error !== undefined) throw new SqlError(error.code, error.message);
  }

  /** Triggers and refusals off: for emptying tables between two simulations. */
  asReplica(work: () => void): void {
    this.#isReplica = true;
    this.simple('set session_replication_role = replica');
    try {
      work();
    } finally {
      this.simple('set session_replication_role = origin');
      this.#isReplica = false;
    }
  }

  /** PostgreSQL sets alarms (for its statistics, for timeouts) when it likes: they are not of this world. */
  #exchange(request: Uint8Array): Uint8Array {
    return withoutTimers(() => this.#database.execProtocolRawSync(request));
  }

  #enter(schema: string): void {
    if (schema === this.#schema || this.#isReplica) return;
    this.simple(`set search_path = ${schema === '' ? 'public' : `"${schema}"`}`);
    this.#schema = schema;
  }

  #run(schema: string, sql: string, values: readonly unknown[]): SqlResult {
    // A script of several statements, as migrations have them: only the simple protocol takes it.
    if (values.length === 0 && /;\s*\S/.test(sql)) {
      this.simple(sql);
      return { rows: [], rowCount: 0, command: '' };
    }
    const statement = this.#prepare(schema, sql);
    const bytes = execute(
      statement.name,
      values.map((value) => pgUtils.prepareValue(value)),
    );
    return resultOf(readAnswer(this.#exchange(bytes)), statement.columns);
  }

  #prepare(schema: string, sql: string): { name: string; columns: Column[] } {
    const key = `${schema}\n${sql}`;
    const known = this.#prepared.get(key);
    if (known !== undefined) return known;
    const name = `s${this.#prepared.size + 1}`;
    const { error, columns } = readAnswer(this.#exchange(prepare(name, sql)));
    if (error !== undefined) throw new SqlError(error.code, error.message);
    const statement = { name, columns };
    this.#prepared.set(key, statement);
    return statement;
  }

  #release(): void {
    this.#holder = undefined;
    this.#isLogUntouched = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { proceed } of waiting) proceed();
  }
}

function resultOf({ rows, tag, error }: Answer, columns: readonly Column[]): SqlResult {
  if (error !== undefined) throw new SqlError(error.code, error.message);
  const parsers = columns.map(({ typeId }) => pg.types.getTypeParser(typeId as never, 'text') as (text: string) => unknown);
  const words = tag.split(' ');
  return {
    rows: rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i]!.name, value === null ? null : parsers[i]!(value)]))),
    rowCount: Number(words.at(-1)) || 0,
    command: words[0] ?? '',
  };
}
