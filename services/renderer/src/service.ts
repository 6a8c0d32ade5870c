/**
 * The renderer turns a place in a repository into manifests: a function of Git objects and parameters, addressed by what
 * it was made from, so that nothing is rendered twice. The work is done by engine processes (services/renderer/engine,
 * in Go, with the libraries that users' charts are written against), which ask for each file they need; what they asked
 * for is the trace that tells whether another commit renders the same.
 *
 * It never checks out a working tree, never fetches, never talks to a cluster, and never judges what the manifests say.
 * Values of Secrets leave it sealed, and no message of it quotes them.
 */
import { AppError, recallManifests, renderManifests } from '@plumbline/contracts';
import type { ManifestsEvent } from '@plumbline/contracts';
import { defineService } from '@plumbline/platform';
import type { RunningService, ServiceContext } from '@plumbline/platform';
import { setTimeout as sleep } from 'node:timers/promises';
import { rendererVariables } from './config.ts';
import type { RendererConfig } from './config.ts';
import { startEnginePool } from './engine/engine-pool.ts';
import type { EnginePool } from './engine/engine-pool.ts';
import { limits } from './limits.ts';
import { CreateRendering1767225600001 } from './migrations.ts';
import { makeRenderer } from './renderer.ts';
import { makeRenderings } from './renderings.ts';

export type { EnginePool } from './engine/engine-pool.ts';
export type { EngineRequest, RenderFiles } from './engine/engine-process.ts';

export const renderer = defineService<RendererConfig>({
  name: 'renderer',
  config: rendererVariables,
  migrations: [CreateRendering1767225600001],
  start: async (context) => {
    const { config, log, metrics } = context;
    return startRenderer(context, await startEnginePool({ program: config.engine, processes: config.engineProcesses, log, metrics }));
  },
});

/** The running service with these engines, which it closes at the end. */
export async function startRenderer(context: ServiceContext, engines: EnginePool): Promise<RunningService> {
  const { log, metrics, clock, blobs, sealer, bus, database } = context;
  const renderings = makeRenderings((sql, parameters) => database.query(sql, parameters));
  const recording = makeRecorder(context);
  const { render, recall } = makeRenderer({ blobs, sealer, engines, renderings, metrics, clock, record: recording.record });
  bus.serve(renderManifests, (request) => render(request));
  bus.serve(recallManifests, (request) => recall(request));

  const sweep = (): void => {
    renderings
      .sweep(clock() - limits.traceUnusedDaysMax * 24 * 60 * 60_000)
      .catch((error: unknown) => log.warn('unused renderings were not removed', { error: AppError.from(error).message }));
  };
  sweep();
  const sweeping = setInterval(sweep, limits.sweepMs);
  return {
    isReady: () => bus.isConnected(),
    async stop() {
      clearInterval(sweeping);
      engines.close();
      await recording.settled();
    },
  };
}

/** Appends events beside the answers: an answer does not wait for the log. */
function makeRecorder({ eventLog, event, log }: ServiceContext) {
  const pending = new Set<Promise<void>>();
  const append = async (address: string, { type, data }: ManifestsEvent, cause: string): Promise<void> => {
    const batch = [{ stream: `manifests-${address}`, events: [event(type, data, { cause: `${address} ${cause}` })] }];
    try {
      await eventLog.append(batch);
    } catch {
      await sleep(limits.recordAgainMs);
      await eventLog.append(batch);
    }
  };
  return {
    record(address: string, fact: ManifestsEvent, cause: string): void {
      const appending: Promise<void> = append(address, fact, cause)
        .catch((error: unknown) => log.error('a render was not recorded', { type: fact.type, address, error: AppError.from(error).message }))
        .finally(() => pending.delete(appending));
      pending.add(appending);
    },
    settled: async (): Promise<void> => void (await Promise.all(pending)),
  };
}
