import { verifyChain } from '@plumbline/event-log';
import { Client } from 'pg';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** F-42: an event changed by somebody who may do everything. Put back at once: the log goes on being used. */
export const logTampered: readonly FaultCase[] = [
  {
    id: 'f-42-event-changed',
    title: 'one event changed in the database by a superuser',
    rows: ['F-42'],
    expected: 'The verification of the chain says which',
    boundMs: 60_000,
    runs: 3,
    inject: tamper,
  },
];

async function tamper(context: CaseContext): Promise<void> {
  const { platform, random } = context;
  const client = new Client({ connectionString: platform.databaseUrl });
  await client.connect();
  try {
    for (let run = 0; run < context.runs; run++) {
      const { position } = await platform.log.head();
      const chosen = random.between(1, position);
      const { rows } = await client.query<{ data: string }>('select data from log.event where position = $1', [chosen]);
      // Triggers refuse it to everybody; a superuser can switch them off for a session.
      await client.query(`set session_replication_role = replica`);
      await client.query('update log.event set data = $2 where position = $1', [chosen, '{"changed":true}']);
      const verdict = await verifyChain(platform.log);
      await client.query('update log.event set data = $2 where position = $1', [chosen, rows[0]!.data]);
      context.count('event changed');
      if (verdict.isIntact || verdict.position !== chosen)
        context.violation(`F-42: event ${chosen} was changed; the verification says ${JSON.stringify(verdict)}`);
    }
    context.checked('the place is named');
  } finally {
    await client.end();
  }
}
