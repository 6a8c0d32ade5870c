/** The schema of a service's tables. */
export const schemaOf = (service: string): string => service.replaceAll('-', '_');

/** Where the simulation's own consumer writes down what it was given: it would not forgive anything given twice. */
export const ledgerTable = 'create table simulation_ledger (position bigint not null, consumer_life text not null)';
