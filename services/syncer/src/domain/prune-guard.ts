import type { ResourceComparison } from '@plumbline/contracts';

/** An empty or broken render looks like this, and so does a move of everything: both deserve a question first. */
export function wouldPruneEverything(resources: readonly ResourceComparison[]): boolean {
  const counted = resources.filter((resource) => resource.hook !== true);
  return counted.length > 0 && counted.every((resource) => resource.requiresPruning === true);
}
