import type { Consumer, ProjectionVerdict, RunningConsumer, SqlExecutor } from '@plumbline/event-log';
import type { Simulation } from '../simulation.ts';
import type { RecordedEvent } from '@plumbline/contracts';
import { schemaOf, type Databases } from '../sql/database.ts';
import { BrokenInvariant } from './broken-invariant.ts';

/** Of simulated time. */
const compareMsMax = 60_000;

export type RunningProjection = Pick<RunningConsumer, 'name' | 'position' | 'status' | 'compare'>;

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

/** Each event took effect once, in each service. */
export function effectsHappenOnce(databases: Databases, services: readonly string[], events: readonly RecordedEvent[]): void {
  for (const service of services) {
    const rows = databases.read<{ position: string; times: string }>(
      `select position, count(*) as times from ${schemaOf(service)}.simulation_ledger group by position order by position`,
    );
    const twice = rows.find(({ times }) => Number(times) !== 1);
    if (twice !== undefined) throw new BrokenInvariant('each event takes effect once', `${service} applied position ${twice.position} ${twice.times} times`);
    const seen = new Set(rows.map(({ position }) => Number(position)));
    const missed = events.find(({ position }) => !seen.has(position));
    if (missed !== undefined)
      throw new BrokenInvariant('each event takes effect once', `${service} never applied position ${missed.position} (${missed.type})`);
  }
}

export function nothingIsParked(databases: Databases, services: readonly string[]): void {
  for (const service of services) {
    const [parked] = databases.read<{ consumer: string; stream: string; error: string }>(
      `select consumer, stream, error from ${schemaOf(service)}.parked_event`,
    );
    if (parked !== undefined) throw new BrokenInvariant('nothing is parked', `${parked.consumer} parked ${parked.stream}: ${parked.error}`);
  }
}

/** Made again from the log beside the live tables, each projection is what it was: by the product's own comparison. */
export async function rebuiltEqualsLive({ agenda }: Simulation, consumers: readonly RunningProjection[]): Promise<void> {
  for (const consumer of consumers) {
    const { isProjection } = await consumer.status();
    if (!isProjection) continue;
    let outcome: { verdict?: ProjectionVerdict; error?: unknown } | undefined;
    consumer.compare().then(
      (verdict) => (outcome = { verdict }),
      (error: unknown) => (outcome = { error }),
    );
    await agenda.until(agenda.nowMs + compareMsMax, () => outcome !== undefined);
    const { verdict, error } = outcome ?? {};
    if (verdict === undefined)
      throw new BrokenInvariant('rebuilt equals live', `${consumer.name} could not be compared: ${String(error ?? 'it took too long')}`);
    if (verdict.differences > 0) throw new BrokenInvariant('rebuilt equals live', JSON.stringify(verdict));
  }
}
