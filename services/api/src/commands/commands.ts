import { AppError } from '@plumbline/contracts';
import type { EventLog, RunningConsumer } from '@plumbline/event-log';
import type { ServiceContext } from '@plumbline/platform';
import { limits } from '../limits.ts';

export interface Command {
  /** Imperative: `sync`, `create-application`. */
  command: string;
  /** `application argocd/web`. */
  target: string;
  /** Nothing secret: it is recorded. */
  parameters: Readonly<Record<string, unknown>>;
  subject: string;
  /** Address that it came from. */
  from: string;
}

/** What was written; absent parts: nothing was. */
export interface Written {
  uid?: string | undefined;
  resourceVersion?: string | undefined;
}

/** Records who asked for what and what came of it, around the write itself. */
export interface Commands {
  carryOut<T>(command: Command, write: (commandId: string) => Promise<{ written: Written; result: T }>): Promise<T>;
}

export interface CommandsParts {
  eventLog: EventLog;
  event: ServiceContext['event'];
  newId: () => string;
  /** The read models that an answer must not be older than. */
  readModels: () => readonly RunningConsumer[];
}

export function makeCommands({ eventLog, event, newId, readModels }: CommandsParts): Commands {
  return {
    carryOut: async <T>(
      { command, target, parameters, subject, from }: Command,
      write: (commandId: string) => Promise<{ written: Written; result: T }>,
    ): Promise<T> => {
      const id = newId();
      const stream = `command-${id}`;
      const why = { cause: id, actor: subject, correlation: id };
      await eventLog.append([{ stream, expectedVersion: 0, events: [event('CommandAccepted', { command, target, from, parameters }, why)] }]);
      const finish = async (outcome: Written & { outcome: 'done' | 'failed'; message?: string }): Promise<number> => {
        const data = { command, ...outcome };
        const recorded = await eventLog.append([{ stream, expectedVersion: 1, events: [event('CommandDone', data, { ...why, causation: id })] }]);
        return recorded.at(-1)?.position ?? 0;
      };
      let done: { written: Written; result: T };
      try {
        done = await write(id);
      } catch (error) {
        await finish({ outcome: 'failed', message: recordable(AppError.from(error)) });
        throw error;
      }
      const position = await finish({ outcome: 'done', ...defined(done.written) });
      // Too late is not wrong: the write is done, and the client is told so.
      await Promise.all(readModels().map((model) => model.waitFor(position, limits.readModelWaitMs).catch(() => undefined)));
      return done.result;
    },
  };
}

/** Our own sentences are recorded; an API server's may repeat a value that it refuses. */
const recordable = (error: AppError): string =>
  ['failed-precondition', 'permission-denied', 'not-found', 'already-exists', 'conflict'].includes(error.code) ? error.message : error.code;

const defined = (written: Written): { uid?: string; resourceVersion?: string } => ({
  ...(written.uid === undefined ? {} : { uid: written.uid }),
  ...(written.resourceVersion === undefined ? {} : { resourceVersion: written.resourceVersion }),
});
