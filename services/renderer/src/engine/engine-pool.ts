import { AppError } from '@plumbline/contracts';
import type { Logger, Metrics } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { startEngine } from './engine-process.ts';
import type { EngineAnswer, EngineProcess, EngineRequest, RenderFiles } from './engine-process.ts';

/** Engines that live long and render one thing at a time each. A dead one is replaced when the next render needs it. */
export interface EnginePool {
  readonly version: string;
  /** `resource-exhausted` when too many renders wait; see EngineProcess.render for the rest. */
  render(request: EngineRequest, files: RenderFiles): Promise<EngineAnswer>;
  close(): void;
}

export interface EnginePoolOptions {
  program: string;
  processes: number;
  log: Logger;
  metrics: Metrics;
}

/** @throws AppError `failed-precondition` when the program can't be run. */
export async function startEnginePool({ program, processes, log, metrics }: EnginePoolOptions): Promise<EnginePool> {
  const first = await startEngine(program);
  const idle: EngineProcess[] = [first, ...(await Promise.all(Array.from({ length: processes - 1 }, () => startEngine(program))))];
  const waiting: { resolve: (engine: EngineProcess) => void; reject: (error: AppError) => void }[] = [];
  let isOpen = true;

  const take = (): Promise<EngineProcess> => {
    const engine = idle.pop();
    if (engine !== undefined) return Promise.resolve(engine);
    if (waiting.length >= limits.waitingMax)
      throw new AppError('resource-exhausted', `${waiting.length} renders wait already: try again later, or give the renderer more engine processes`, {
        retry: 'later',
      });
    return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  };
  const giveBack = (engine: EngineProcess): void => {
    if (!isOpen) return engine.stop();
    const next = waiting.shift();
    if (next === undefined) idle.push(engine);
    else next.resolve(engine);
  };
  const revive = async (engine: EngineProcess): Promise<EngineProcess> => {
    if (engine.isAlive) return engine;
    log.warn('an engine process is replaced');
    metrics.count('renderer_engine_restarts_total');
    return startEngine(program);
  };

  return {
    version: first.version,
    async render(request, files) {
      if (!isOpen) throw closed();
      let engine = await take();
      try {
        engine = await revive(engine);
        return await engine.render(request, files);
      } finally {
        giveBack(engine);
      }
    },
    close() {
      isOpen = false;
      for (const engine of idle.splice(0)) engine.stop();
      for (const { reject } of waiting.splice(0)) reject(closed());
    },
  };
}

const closed = (): AppError => new AppError('unavailable', 'the renderer is stopping: try again', { retry: 'later' });
