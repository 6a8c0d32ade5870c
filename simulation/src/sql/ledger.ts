import type { Consumer, SqlExecutor } from '@plumbline/event-log';

/** Where the simulation's own consumer writes down what it was given: it would not forgive anything given twice. */
export const ledgerTable = 'create table simulation_ledger (position bigint not null, consumer_life text not null)';

export function ledger(service: string, process: string): Consumer<SqlExecutor> {
  return {
    name: `${service}.simulation-ledger`,
    async apply(events, tx) {
      for (const event of events) await tx.query('insert into simulation_ledger values ($1, $2)', [event.position, process]);
    },
  };
}
