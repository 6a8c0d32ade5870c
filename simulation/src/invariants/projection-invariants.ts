import type { ProjectionVerdict, RunningConsumer } from '@plumbline/event-log';
import { AppError, type RecordedEvent } from '@plumbline/contracts';
import { schemaOf, type Databases } from '../sql/database.ts';
import type { Agenda } from '../time/agenda.ts';
import { BrokenInvariant } from './broken-invariant.ts';

/** Of simulated time. */
const compareMsMax = 60_000;

export type RunningProjection = Pick<RunningConsumer, 'name' | 'position' | 'status' | 'compare'>;

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
export async function rebuiltEqualsLive(agenda: Agenda, consumers: readonly RunningProjection[]): Promise<void> {
  for (const consumer of consumers) {
    const { isProjection } = await consumer.status();
    if (!isProjection) continue;
    let outcome: { verdict?: ProjectionVerdict; error: string } | undefined;
    consumer.compare().then(
      (verdict) => (outcome = { verdict, error: '' }),
      (error: unknown) => (outcome = { error: AppError.from(error).message }),
    );
    await agenda.until(agenda.nowMs + compareMsMax, () => outcome !== undefined);
    const { verdict, error } = outcome ?? { error: 'it took too long' };
    if (verdict === undefined) throw new BrokenInvariant('rebuilt equals live', `${consumer.name} could not be compared: ${error}`);
    if (verdict.differences > 0) throw new BrokenInvariant('rebuilt equals live', JSON.stringify(verdict));
  }
}
