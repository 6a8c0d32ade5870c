import type { ApplicationEvent, ApplicationStatus, RecordedEvent } from '@plumbline/contracts';
import { canonicalJson, evolveApplicationStatus, initialApplicationStatus, parseApplicationStream } from '@plumbline/contracts';
import { Client } from 'pg';
import type { CaseContext } from '../cases/fault-case.ts';

/** I6 for `api.application_status`: its rows are what the events say, folded anew. */
export async function checkStatusProjection({ platform }: CaseContext, events: readonly RecordedEvent[]): Promise<string[]> {
  const folded = new Map<string, ApplicationStatus | undefined>();
  for (const event of events) {
    if (parseApplicationStream(event.stream) === undefined) continue;
    const before = folded.has(event.stream) ? folded.get(event.stream) : initialApplicationStatus;
    const isOver = before === undefined || (event as RecordedEvent & ApplicationEvent).type === 'ApplicationDeleted';
    folded.set(event.stream, isOver ? undefined : evolved(before, event));
  }
  const client = new Client({ connectionString: platform.databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ stream: string; status: ApplicationStatus | null }>('select stream, status from api.application_status');
    const stored = new Map(rows.map(({ stream, status }) => [stream, status]));
    // A consumer that can't apply an event has set its stream aside, and says so: that is another check.
    const parked = await client.query<{ stream: string }>('select stream from api.parked_event');
    for (const { stream } of parked.rows) folded.delete(stream);
    const found = [...folded.keys()].filter((stream) => !stored.has(stream)).map((stream) => `api.application_status has no row for ${stream}`);
    for (const [stream, status] of stored) {
      if (parked.rows.some((row) => row.stream === stream)) continue;
      if (!folded.has(stream)) found.push(`api.application_status has a row for ${stream}, of which the log knows nothing`);
      if (textOf(status) !== textOf(folded.get(stream))) found.push(`the row of ${stream} in api.application_status is not what its events say`);
    }
    return found;
  } finally {
    await client.end();
  }
}

/** An event that can't be applied leaves the state as it was. */
function evolved(before: ApplicationStatus, event: RecordedEvent): ApplicationStatus {
  try {
    return evolveApplicationStatus(before, event);
  } catch {
    return before;
  }
}

const textOf = (status: ApplicationStatus | null | undefined): string => (status == null ? '' : canonicalJson(JSON.parse(JSON.stringify(status))));
