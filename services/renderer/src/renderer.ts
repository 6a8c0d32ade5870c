import type { BlobStore, Sealer } from '@plumbline/blobs';
import { AppError, blobScope, canonicalJson } from '@plumbline/contracts';
import type { Clock, ManifestSetObject, ManifestsEvent, Metrics, recallManifests, renderManifests, ReplyOf, RequestOf } from '@plumbline/contracts';
import { manifestSecretContext, manifestSetOf } from '@plumbline/manifests';
import { traceOf } from './domain/trace.ts';
import type { EnginePool } from './engine/engine-pool.ts';
import type { EngineAnswer } from './engine/engine-process.ts';
import { limits } from './limits.ts';
import { makeMemory } from './memory.ts';
import { makeQuarantine } from './quarantine.ts';
import { makeTasks, sha256 } from './render-task.ts';
import type { RenderRequest, RenderTask } from './render-task.ts';
import type { Renderings } from './renderings.ts';
import { recordTree } from './repository/recorded-tree.ts';
import type { RecordedTree } from './repository/recorded-tree.ts';

export type RenderReply = ReplyOf<typeof renderManifests>;

export interface RendererParts {
  blobs: BlobStore;
  sealer: Sealer;
  engines: EnginePool;
  renderings: Renderings;
  metrics: Metrics;
  clock: Clock;
  /** Records a fact on the stream of an address, some time after; never throws. */
  record(address: string, event: ManifestsEvent, cause: string): void;
}

export interface Renderer {
  render(request: RenderRequest): Promise<RenderReply>;
  /** What is remembered for each of these applications at this tree; renders nothing. */
  recall(request: RequestOf<typeof recallManifests>): Promise<ReplyOf<typeof recallManifests>>;
}

export function makeRenderer(parts: RendererParts): Renderer {
  const { blobs, sealer, engines, renderings, metrics, clock } = parts;
  const tasks = makeTasks({ blobs, sealer, engineVersion: engines.version });
  const memory = makeMemory(renderings, clock);
  const quarantine = makeQuarantine(clock);
  const running = new Map<string, Promise<RenderReply>>();

  const render = async (request: RenderRequest): Promise<RenderReply> => {
    const task = await tasks.open(request);
    if (request.hard !== true) {
      const hit = await memory.find(task, task.tree);
      if (hit !== undefined) {
        metrics.count('renders_total', { outcome: 'hit' });
        return { manifestSet: hit.manifestSet, sourceType: hit.sourceType, objects: hit.objects, hit: true };
      }
    }
    const same = running.get(task.key);
    if (same !== undefined) return same;
    const rendering = renderAnew(task).finally(() => running.delete(task.key));
    running.set(task.key, rendering);
    return rendering;
  };

  const renderAnew = async (task: RenderTask): Promise<RenderReply> => {
    quarantine.check(task.key);
    const startedAt = performance.now();
    const recorded = recordTree({ tree: task.tree, readBytesMax: limits.readBytesMax, hash: sha256 });
    try {
      const reply = await keep(task, recorded, await engines.render(task.engineRequest, recorded));
      const durationMs = Math.round(performance.now() - startedAt);
      metrics.count('renders_total', { outcome: 'rendered' });
      metrics.observeMs('render_duration_ms', durationMs, { type: reply.sourceType });
      const { manifestSet, sourceType, objects: count } = reply;
      parts.record(
        task.address,
        { type: 'ManifestsRendered', data: { ...subjectOf(task), manifestSet, sourceType, objects: count, durationMs } },
        `${task.request.commit} ${manifestSet}`,
      );
      return reply;
    } catch (caught) {
      const error = AppError.from(caught);
      metrics.count('renders_total', { outcome: error.code });
      if (error.details['died'] === true) quarantine.countDeath(task.key);
      if (blamesInput.has(error.code))
        parts.record(task.address, { type: 'RenderFailed', data: { ...subjectOf(task), ...failureOf(error) } }, task.request.commit);
      throw error;
    }
  };

  const keep = async (task: RenderTask, recorded: RecordedTree, answer: EngineAnswer): Promise<RenderReply> => {
    const rendered = JSON.parse(answer.manifests.toString('utf8')) as ManifestSetObject[];
    const text = canonicalJson(manifestSetOf(answer.sourceType, rendered, (base64) => sealer.seal(manifestSecretContext, base64)));
    const manifestSet = sha256(text);
    await blobs.put(blobScope.manifests, [{ id: manifestSet, bytes: Buffer.from(text) }]);
    const trace = traceOf(recorded.footprint(), answer, task.surroundings);
    const { sourceType, objects: count } = answer;
    await renderings.save(task.address, { traceId: sha256(canonicalJson(trace)), trace, manifestSet, sourceType, objects: count, usedAt: clock() });
    return { manifestSet, sourceType, objects: count, hit: false };
  };

  const recall: Renderer['recall'] = async ({ sealedSpecs, ...place }) => {
    const { tree, questions } = await tasks.questions(place, sealedSpecs);
    const remembered = await memory.findEach(questions, tree);
    metrics.count('renders_recalled_total', {}, remembered.filter((rendering) => rendering !== undefined).length);
    return { manifestSets: remembered.map((rendering) => rendering?.manifestSet ?? null) };
  };

  return { render, recall };
}

/** Codes that say something about the repository's content; others are about us or about the moment. */
const blamesInput: ReadonlySet<AppError['code']> = new Set(['manifest-invalid', 'render-failed', 'path-not-found', 'unsupported', 'too-large']);

const subjectOf = ({ request, path, address }: RenderTask) => ({
  application: request.application,
  repository: request.repository,
  commit: request.commit,
  path,
  address,
});

function failureOf({ code, message, details }: AppError): { code: string; message: string; file?: string; line?: number } {
  const { file, line } = details;
  return {
    code,
    message: message.slice(0, limits.messageLengthMax),
    ...(typeof file === 'string' ? { file } : {}),
    ...(typeof line === 'number' ? { line } : {}),
  };
}
