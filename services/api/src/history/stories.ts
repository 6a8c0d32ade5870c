import { assertUnderstood } from '@plumbline/contracts';
import type { AppError } from '@plumbline/contracts';
import type { ApplicationEvent, ApplicationSpec, RecordedEvent } from '@plumbline/contracts';
import type { EventLog, SqlExecutor } from '@plumbline/event-log';
import { beforeEverything, streamGone } from '../domain/moment.ts';
import { initialStory, tell } from '../domain/story.ts';
import type { Story } from '../domain/story.ts';
import { limits } from '../limits.ts';

/** The version of what `tell` makes: a snapshot of another one is not used. Raise it when stories change. */
const storyFormat = 1;

export interface StoryParts {
  eventLog: EventLog;
  database: SqlExecutor;
  /** A spec without what is secret. It is redacted already when it is recorded; this holds if somebody forgets. */
  cover: (spec: ApplicationSpec) => ApplicationSpec;
}

/**
 * Folds an application's stream up to a position, page by page. What a long stream came to is kept every so many events,
 * so that the next call has little to read; a lost snapshot costs time only.
 *
 * Nothing told yet when the stream has no event. @throws AppError `gone` when the log no longer has its beginning.
 */
export async function storyAt(stream: string, position: number, parts: StoryParts): Promise<Story> {
  const { eventLog, database, cover } = parts;
  const { generation } = await eventLog.head();
  let story = await nearestSnapshot(database, stream, generation, position);
  for (;;) {
    const page = await eventLog.readStream(stream, { afterVersion: story.version, limit: limits.storyPageEvents });
    for (const event of page) {
      if (event.version !== story.version + 1) throw await missingStream(stream, eventLog);
      if (event.position > position) return story;
      assertUnderstood(event);
      story = tell(story, covered(event, cover));
      if (story.version % limits.storySnapshotEvents === 0) await keepSnapshot(database, stream, generation, story);
    }
    if (page.length < limits.storyPageEvents) return story;
  }
}

export async function missingStream(stream: string, eventLog: EventLog): Promise<AppError> {
  return streamGone(stream, (await eventLog.positionAt(beforeEverything)) + 1);
}

/** Before it is folded: the status repeats the source in several places. */
function covered(recorded: RecordedEvent, cover: StoryParts['cover']): RecordedEvent {
  const event = recorded as RecordedEvent & ApplicationEvent;
  return event.type === 'ApplicationDeclared' ? { ...recorded, data: { ...event.data, spec: cover(event.data.spec) } } : recorded;
}

async function nearestSnapshot(database: SqlExecutor, stream: string, generation: string, position: number): Promise<Story> {
  const [row] = await database.query<{ story: Story }>(
    `select story from application_snapshot where stream = $1 and generation = $2 and format = $3 and position <= $4 order by version desc limit 1`,
    [stream, generation, storyFormat, position],
  );
  return row?.story ?? initialStory;
}

async function keepSnapshot(database: SqlExecutor, stream: string, generation: string, story: Story): Promise<void> {
  await database.query(
    `insert into application_snapshot (stream, version, format, generation, position, story) values ($1, $2, $3, $4, $5, $6::jsonb)
     on conflict (stream, version) do update set format = excluded.format, generation = excluded.generation, position = excluded.position, story = excluded.story`,
    [stream, story.version, storyFormat, generation, story.position, JSON.stringify(story)],
  );
}
