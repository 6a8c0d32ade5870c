import type { SqlExecutor } from '@plumbline/event-log';
import type { DataSource, QueryResult } from 'typeorm';

/** Single statements on the service's own schema, answering rows whatever the statement is (TypeORM's `query` doesn't). */
export function sqlOf(database: DataSource): SqlExecutor {
  return {
    query: async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => {
      const runner = database.createQueryRunner();
      try {
        const result = (await runner.query(sql, [...parameters], true)) as QueryResult<Row>;
        return result.records ?? [];
      } finally {
        await runner.release();
      }
    },
  };
}
