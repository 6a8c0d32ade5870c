import type { Logger } from '@plumbline/contracts';
import { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { repositoryId } from '@plumbline/git';
import type { DesiredStates, Target } from '../desired/desired-state.ts';
import { renderQuestion } from '../desired/desired-state.ts';
import { limits } from '../limits.ts';
import type { World } from '../world/world.ts';
import type { Entry } from './entry.ts';
import { declaredState } from './entry.ts';
import type { Subscriptions } from './subscriptions.ts';
import { resolveTarget, sourceOf } from './target.ts';

export interface MovedRepositoriesParts {
  applications: { get(key: string): Entry | undefined };
  subscriptions: Pick<Subscriptions, 'of'>;
  desired: Pick<DesiredStates, 'recall'>;
  world: World;
  kube: Pick<KubeClient, 'discover'>;
  wake(key: string): void;
  log: Logger;
}

export interface MovedRepositories {
  /** A ref of the repository moved, or something else about it changed: those of its applications that it concerns are woken. */
  moved(repository: string, correlation: string): void;
}

/** A settled application, and where its source points now. */
interface Unmoved {
  entry: Entry;
  sealedSpec: string;
  manifestSet: string;
  target: Target;
}

/**
 * Whom a push wakes. With few followers: everybody, who then record the new commit as theirs. With many (a monorepo), the
 * renderer is asked first, for hundreds at once, who would render something else; the others aren't woken: there is
 * nothing to do for them, and the sweep records their commit as it would have been anyway (`limits.pointersAtOnceMax`).
 */
export function makeMovedRepositories(parts: MovedRepositoriesParts): MovedRepositories {
  const { applications, subscriptions, desired, world, kube, wake, log } = parts;
  /** Repositories that are being gone through, and whether they have moved again since. */
  const running = new Map<string, { again?: string }>();

  const wakeFor = (entry: Entry, correlation: string): void => {
    entry.correlation = correlation;
    wake(entry.key);
  };

  const goThrough = async (repository: string, correlation: string): Promise<void> => {
    const entries = subscriptions.of(repository).flatMap((key) => applications.get(key) ?? []);
    const unmoved: Unmoved[] = [];
    for (const entry of entries) {
      const one = entries.length > limits.pointersAtOnceMax ? settled(entry, repository, world) : undefined;
      if (one === undefined) wakeFor(entry, correlation);
      else unmoved.push(one);
    }
    for (const those of Map.groupBy(unmoved, ({ target }) => target.commit).values()) {
      for (let from = 0; from < those.length; from += limits.recalledAtOnceMax) await recall(those.slice(from, from + limits.recalledAtOnceMax), correlation);
    }
  };

  /** A renderer that restarts is waited for: to wake everybody would make each of them say that it is away. Empty: it stays away. */
  const askOnceItAnswers = async (sealedSpecs: readonly string[], target: Target): Promise<(string | undefined)[]> => {
    for (let tries = 1; ; tries++) {
      try {
        return await desired.recall(sealedSpecs, target);
      } catch (error) {
        const { retry, message } = AppError.from(error);
        if (retry !== 'later' || tries >= limits.recallTriesMax) {
          log.info('the renderer could not be asked for many applications at once; each asks by itself', { reason: message });
          return [];
        }
        await new Promise((resolve) => void setTimeout(resolve, limits.reconcileRetryMs * 2 ** (tries - 1)).unref());
      }
    }
  };

  const recall = async (those: readonly Unmoved[], correlation: string): Promise<void> => {
    const { target } = those[0]!;
    const remembered = await askOnceItAnswers(
      those.map((one) => one.sealedSpec),
      target,
    );
    const discovery = await kube.discover();
    for (const [index, { entry, sealedSpec, manifestSet }] of those.entries()) {
      const isSame = remembered[index] === manifestSet;
      // The answer is kept, so that whoever looks at the application next needn't ask.
      if (isSame) entry.rendered = { question: renderQuestion(sealedSpec, target, discovery), manifestSet };
      else wakeFor(entry, correlation);
    }
  };

  const start = (repository: string, correlation: string): void => {
    const run: { again?: string } = {};
    running.set(repository, run);
    void goThrough(repository, correlation)
      .catch((error: unknown) => {
        log.warn('could not find out whom a push concerns; all are looked at', { repository, reason: AppError.from(error).message });
        for (const key of subscriptions.of(repository)) wake(key);
      })
      .finally(() => {
        running.delete(repository);
        if (run.again !== undefined) start(repository, run.again);
      });
  };

  return {
    moved(repository, correlation) {
      const run = running.get(repository);
      if (run === undefined) start(repository, correlation);
      else run.again = correlation;
    },
  };
}

/** Undefined: it is on its way somewhere, or something is wrong with it, so it has to be looked at whatever it renders. */
function settled(entry: Entry, repository: string, world: World): Unmoved | undefined {
  const state = declaredState(entry);
  const { resource } = entry;
  if (state === undefined || !entry.isPresent || resource.metadata.deletionTimestamp !== undefined || entry.isHardWanted === true) return undefined;
  if (state.comparison?.status !== 'Synced' || state.failure !== undefined || state.operation?.phase === 'Running') return undefined;
  if (world.outage(repository) !== undefined) return undefined;
  try {
    const source = sourceOf(resource);
    const resolved = repositoryId(source.repoURL) === repository ? resolveTarget(source, world, 0) : undefined;
    if (resolved?.kind !== 'known') return undefined;
    return { entry, sealedSpec: state.sealedSpec, manifestSet: state.comparison.manifestSet, target: resolved.target };
  } catch {
    // Its reconcile says what is wrong with the spec.
    return undefined;
  }
}
