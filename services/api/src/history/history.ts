import { AppError, applicationStream, shownStatus } from '@plumbline/contracts';
import type { Application, Clock } from '@plumbline/contracts';
import type { EventLog, RunningConsumer, SqlExecutor } from '@plumbline/event-log';
import type { Caller } from '../access/authentication.ts';
import { demand, permissionDenied } from '../access/callers.ts';
import { findApplication, policyName } from '../applications/applications.ts';
import type { Catalogue } from '../applications/catalogue.ts';
import { explain } from '../domain/explain.ts';
import type { Explanation } from '../domain/explain.ts';
import { beforeEverything, goneBefore, readMoment } from '../domain/moment.ts';
import type { Story } from '../domain/story.ts';
import { limits } from '../limits.ts';
import { readOperations } from './operations.ts';
import type { OperationPage, OperationQuery } from './operations.ts';
import { missingStream, storyAt } from './stories.ts';
import type { StoryParts } from './stories.ts';
import { surroundingsOf } from './surroundings.ts';

/** A place in the log, and when it was. */
export interface Moment {
  position: number;
  /** RFC 3339. */
  time: string;
}

/** What the log says of an application beyond its state of now. */
export interface History {
  /** The application as it was. */
  at(caller: Caller, name: string, at: string): Promise<{ application: Application; moment: Moment }>;
  /** Why it is as it is, or as it was. */
  explain(caller: Caller, name: string, at: string | undefined): Promise<{ explanation: Explanation; moment: Moment }>;
  operations(caller: Caller, name: string, query: OperationQuery): Promise<OperationPage>;
}

export interface HistoryParts {
  namespace: string;
  eventLog: EventLog;
  database: SqlExecutor;
  catalogue: Catalogue;
  /** Of the chronicle. */
  reader: Pick<RunningConsumer, 'waitFor'>;
  clock: Clock;
  cover: StoryParts['cover'];
}

export function makeHistory(parts: HistoryParts): History {
  return {
    at: async (caller, name, at) => {
      const { moment, life, story } = await recall(parts, caller, name, at);
      return { application: applicationOf(parts, name, life, story), moment };
    },
    explain: async (caller, name, at) => {
      const { moment, story } = await recall(parts, caller, name, at);
      const id = { namespace: parts.namespace, name };
      return { explanation: explain(story, await surroundingsOf(story, id, moment.position, parts), parts.clock()), moment };
    },
    operations: async (caller, name, query) => {
      await assertVisible(parts, caller, name);
      await caughtUp(parts);
      return readOperations(parts.database, { namespace: parts.namespace, name }, query, (project) => mayGet(caller, project, name));
    },
  };
}

/** From its first declaration to its deletion: a name that was made again is another life. */
interface Life {
  stream: string;
  uid: string;
  born: number;
  died?: number;
  /** As last declared. */
  project: string;
}

interface Recalled {
  moment: Moment;
  life: Life | undefined;
  story: Story;
}

/**
 * The application that had this name at that moment. The caller must be allowed to get it in the project that it has now
 * (or had last) and in the one that it had then: a right that came or went with a move opens nothing.
 */
async function recall(parts: HistoryParts, caller: Caller, name: string, at: string | undefined): Promise<Recalled> {
  const { namespace, eventLog } = parts;
  const now = await assertVisible(parts, caller, name);
  const moment = await momentOf(parts, at);
  const isThere = parts.reader.waitFor(moment.position, limits.readModelWaitMs);
  // What is there now is known without the read model; it only makes the explanation richer.
  await (at === undefined ? isThere.catch(() => undefined) : isThere);
  const lives = await livesOf(parts, name);
  const uid = now?.metadata.uid;
  const life =
    at === undefined
      ? lives.findLast((one) => one.uid === uid)
      : lives.findLast(({ born, died }) => born <= moment.position && (died === undefined || died > moment.position));
  const stream = life?.stream ?? (at === undefined && uid !== undefined ? applicationStream({ namespace, name, uid }) : undefined);
  if (stream === undefined) throw wasNotThere(name, at === undefined ? undefined : moment, lives);
  const story = await storyAt(stream, moment.position, parts);
  if (life !== undefined && story.declared === undefined) throw await missingStream(stream, eventLog);
  if (story.declared !== undefined) demand(caller, 'applications', 'get', `${story.declared.what.project}/${name}`);
  return { moment, life, story };
}

function wasNotThere(name: string, moment: Moment | undefined, lives: readonly Life[]): AppError {
  if (moment === undefined) return new AppError('not-found', `application ${name} not found`);
  const isEarly = lives.every(({ born }) => born > moment.position);
  return new AppError('not-found', `application ${name} ${isEarly ? 'did not exist yet' : 'did not exist'} at position ${moment.position}`);
}

/** Who may not get it as it is now (or, when it is gone, as it was last) learns nothing, not even that it was there. */
async function assertVisible(parts: HistoryParts, caller: Caller, name: string): Promise<Application | undefined> {
  const now = parts.catalogue.get(name);
  if (now !== undefined) {
    demand(caller, 'applications', 'get', policyName(now));
    return now;
  }
  await caughtUp(parts);
  const last = (await livesOf(parts, name)).at(-1);
  if (last === undefined) findApplication(parts.catalogue, caller, name, 'get');
  else if (!mayGet(caller, last.project, name)) throw permissionDenied();
  return undefined;
}

const mayGet = (caller: Caller, project: string, name: string): boolean => caller.rights.may('applications', 'get', `${project}/${name}`);

async function livesOf({ database, namespace }: HistoryParts, name: string): Promise<Life[]> {
  const rows = await database.query<{ stream: string; uid: string; born: string; died: string | null; project: string }>(
    'select stream, uid, born, died, project from application_life where namespace = $1 and name = $2 order by born',
    [namespace, name],
  );
  return rows.map(({ born, died, ...life }) => ({ ...life, born: Number(born), ...(died === null ? {} : { died: Number(died) }) }));
}

/** Without `at`: the head of the log. */
async function momentOf({ eventLog, clock }: HistoryParts, at: string | undefined): Promise<Moment> {
  const { position: head } = await eventLog.head();
  const now = clock();
  if (at === undefined) return { position: head, time: new Date(now).toISOString() };
  const oldest = (await eventLog.positionAt(beforeEverything)) + 1;
  const asked = readMoment(at, { oldest, head, now });
  if ('time' in asked) {
    const position = await eventLog.positionAt(asked.time);
    if (position < oldest && oldest > 1) throw goneBefore(position, oldest);
    return { position, time: new Date(asked.time).toISOString() };
  }
  const [event] = (await eventLog.readFeed({ after: asked.position - 1, limit: 1 })).events;
  return { position: asked.position, time: event?.at ?? new Date(now).toISOString() };
}

/** The answer is not older than the question, unless the read model is far behind. */
async function caughtUp({ eventLog, reader }: HistoryParts): Promise<void> {
  const { position } = await eventLog.head();
  await reader.waitFor(position, limits.readModelWaitMs).catch(() => undefined);
}

function applicationOf(parts: HistoryParts, name: string, life: Life | undefined, { declared, status }: Story): Application {
  if (life === undefined || declared === undefined) throw new AppError('not-found', `application ${name} was not declared yet`);
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name, namespace: parts.namespace, uid: life.uid },
    spec: declared.what.spec,
    status: { ...shownStatus(status) },
  };
}
