import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';

/** A pattern as a tree. Globs and regular expressions are two ways to write one. */
export type PatternNode =
  | { type: 'one'; accepts: (codePoint: number) => boolean }
  | { type: 'sequence'; nodes: readonly PatternNode[] }
  | { type: 'either'; nodes: readonly PatternNode[] }
  | { type: 'repeat'; node: PatternNode; min: number; max: number }
  | { type: 'start' }
  | { type: 'end' };

export type Matcher = (text: string) => boolean;

type State =
  | { type: 'one'; accepts: (codePoint: number) => boolean; next: number }
  | { type: 'fork'; next: number[] }
  | { type: 'start'; next: number }
  | { type: 'end'; next: number }
  | { type: 'match' };

/**
 * Compiles to a Thompson automaton that is run by the set of its states, as RE2 (and so Argo CD's Go) does: the time is
 * linear in the text whatever the pattern says. JavaScript's backtracking RegExp would let whoever may edit a policy stop
 * the process.
 */
export function compile(root: PatternNode): Matcher {
  const states: State[] = [{ type: 'match' }];
  const start = build(root, 0, states);
  return (text) => (text.length <= limits.subjectCharsMax ? run(states, start, text) : false);
}

/** Adds the states of `node` that go on to `next`; answers the first of them. */
function build(node: PatternNode, next: number, states: State[]): number {
  switch (node.type) {
    case 'one':
      return add(states, { type: 'one', accepts: node.accepts, next });
    case 'start':
    case 'end':
      return add(states, { type: node.type, next });
    case 'sequence':
      return node.nodes.reduceRight((after, each) => build(each, after, states), next);
    case 'either':
      return add(states, { type: 'fork', next: node.nodes.map((each) => build(each, next, states)) });
    case 'repeat':
      return buildRepeat(node, next, states);
  }
}

function buildRepeat(node: PatternNode & { type: 'repeat' }, next: number, states: State[]): number {
  let first = next;
  if (node.max === Infinity) {
    const loop: State & { type: 'fork' } = { type: 'fork', next: [next] };
    first = add(states, loop);
    loop.next.push(build(node.node, first, states));
  } else {
    for (let optional = node.min; optional < node.max; optional++) {
      first = add(states, { type: 'fork', next: [build(node.node, first, states), next] });
    }
  }
  for (let required = 0; required < node.min; required++) first = build(node.node, first, states);
  return first;
}

function add(states: State[], state: State): number {
  if (states.length >= limits.patternStatesMax) {
    throw new AppError('invalid-argument', `pattern is too complex: it needs more than ${limits.patternStatesMax} states; write it shorter`);
  }
  return states.push(state) - 1;
}

function run(states: readonly State[], start: number, text: string): boolean {
  const length = text.length;
  let current = new Set<number>();
  follow(states, start, current, true, length === 0);
  for (let at = 0; at < length;) {
    const codePoint = text.codePointAt(at) ?? 0;
    at += codePoint > 0xffff ? 2 : 1;
    const following = new Set<number>();
    for (const index of current) {
      const state = states[index];
      if (state?.type === 'one' && state.accepts(codePoint)) follow(states, state.next, following, false, at === length);
    }
    if (following.size === 0) return false;
    current = following;
  }
  return current.has(0);
}

/** Everything reachable from `index` without reading a character. */
function follow(states: readonly State[], index: number, into: Set<number>, atStart: boolean, atEnd: boolean): void {
  const pending = [index];
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (into.has(each)) continue;
    into.add(each);
    const state = states[each];
    if (state?.type === 'fork') pending.push(...state.next);
    else if ((state?.type === 'start' && atStart) || (state?.type === 'end' && atEnd)) pending.push(state.next);
  }
}
