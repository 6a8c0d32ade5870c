import { Worker } from 'node:worker_threads';
import { limits } from '../limits.ts';
import type { JqAnswer, JqQuestion } from './jq-worker.ts';

export type ThreadAnswer = JqAnswer | { broken: string } | 'late';

/** A thread that answers one question at a time, within the time limit of an expression. */
export interface JqThread {
  /** Never throws. A thread that is late or breaks is ended; the next question starts another. */
  ask(input: string, program: string): Promise<ThreadAnswer>;
  stop(): Promise<void>;
}

export function makeJqThread(): JqThread {
  let running: Promise<Worker> | undefined;
  let stop: (() => void) | undefined;

  const end = async (): Promise<void> => {
    const old = running;
    running = undefined;
    await old?.then((worker) => worker.terminate()).catch(() => undefined);
  };

  return {
    async ask(input, program) {
      let worker: Worker;
      try {
        worker = await (running ??= startWorker());
      } catch (error) {
        running = undefined;
        return { broken: `jq can't be started: ${String(error)}` };
      }
      const { promise, resolve } = Promise.withResolvers<ThreadAnswer | 'broken' | 'stopped'>();
      const timer = setTimeout(() => resolve('late'), limits.jqMs);
      const broken = (): void => resolve('broken');
      stop = () => resolve('stopped');
      worker.once('message', (answer: JqAnswer) => resolve(answer));
      worker.once('error', broken);
      worker.once('exit', broken);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
      worker.postMessage({ input, program } satisfies JqQuestion);
      const answer = await promise;
      clearTimeout(timer);
      worker.removeAllListeners('error').removeAllListeners('exit');
      if (typeof answer === 'object') return answer;
      await end();
      if (answer === 'late') return 'late';
      return { broken: answer === 'broken' ? 'it broke the thread that it ran in (too much memory?)' : 'the service stops' };
    },
    async stop() {
      stop?.();
      await end();
    },
  };
}

/** Beside this file: as source in tests, as built elsewhere. */
const workerFile = new URL(import.meta.url.endsWith('.ts') ? './jq-worker.ts' : './jq-worker.js', import.meta.url);

async function startWorker(): Promise<Worker> {
  const worker = new Worker(workerFile, {
    workerData: { memoryBytesMax: limits.jqMemoryBytesMax, outputBytesMax: limits.jqOutputBytesMax },
    resourceLimits: { maxOldGenerationSizeMb: limits.jqHeapMbMax },
    env: {},
    // What jq writes there may quote what it looks at.
    stdout: true,
    stderr: true,
  });
  worker.unref();
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('its thread ended')));
  });
  worker.removeAllListeners('error').removeAllListeners('exit');
  // Between two questions nobody listens, and an error that nobody listens to would end this process.
  worker.on('error', () => undefined);
  return worker;
}
