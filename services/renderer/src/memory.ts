import { AppError, type Clock } from '@plumbline/contracts';
import { fitsRepository, fitsSurroundings } from './domain/trace.ts';
import { limits } from './limits.ts';
import type { Question } from './render-task.ts';
import { sha256 } from './render-task.ts';
import type { Rendering, Renderings } from './renderings.ts';
import { listMark, listingOf, readMark } from './repository/recorded-tree.ts';
import type { RepositoryTree } from './repository/repository-tree.ts';

/** Finds remembered renders that rendering now would only repeat: what they looked at looks the same at this tree. */
export function makeMemory(renderings: Renderings, clock: Clock) {
  const fitting = async (candidates: readonly Rendering[], { surroundings }: Question, view: View): Promise<Rendering | undefined> => {
    for (const rendering of candidates) if (fitsSurroundings(rendering.trace, surroundings) && (await fits(rendering, view))) return rendering;
    return undefined;
  };

  /** That they were used is noted now and then: what nobody uses is forgotten. */
  const touch = async (used: readonly (Rendering & { address: string })[]): Promise<void> => {
    const now = clock();
    const stale = used.filter(({ usedAt }) => now - usedAt > limits.touchMs);
    if (stale.length > 0) await renderings.touch(stale, now);
  };

  return {
    async find(question: Question, tree: RepositoryTree): Promise<Rendering | undefined> {
      const rendering = await fitting(await renderings.find(question.address), question, viewOf(tree));
      if (rendering !== undefined) await touch([{ ...rendering, address: question.address }]);
      return rendering;
    },
    /** The same for many, in one statement; what they have in common is looked at once. It may overlook one that `find` finds. */
    async findEach(questions: readonly (Question | undefined)[], tree: RepositoryTree): Promise<(Rendering | undefined)[]> {
      const candidates = await renderings.findEach(questions.flatMap((question) => (question === undefined ? [] : [question.address])));
      const view = viewOf(tree);
      const found: (Rendering | undefined)[] = [];
      const used = new Map<string, Rendering & { address: string }>();
      for (const question of questions) {
        const rendering = question === undefined ? undefined : await fitting(candidates.get(question.address) ?? [], question, view);
        found.push(rendering);
        if (question !== undefined && rendering !== undefined)
          used.set(`${question.address} ${rendering.traceId}`, { ...rendering, address: question.address });
      }
      await touch([...used.values()]);
      return found;
    },
  };
}

type View = Parameters<typeof fitsRepository>[1];

/** A tree as traces have it. Directories that several renders listed are read once. */
function viewOf(tree: RepositoryTree): View {
  const listed = new Map<string, string>();
  return {
    read: async (path) => readMark(await tree.resolve(path)),
    async list(path) {
      const known = listed.get(path);
      if (known !== undefined) return known;
      const mark = listMark(await listingOf(tree, path), sha256);
      listed.set(path, mark);
      return mark;
    },
  };
}

/** A link that is bad now makes a remembered render unfit; rendering anew then says what is wrong. */
async function fits(rendering: Rendering, view: View): Promise<boolean> {
  try {
    return await fitsRepository(rendering.trace, view);
  } catch (error) {
    if (AppError.is(error) && error.code === 'manifest-invalid') return false;
    throw error;
  }
}
