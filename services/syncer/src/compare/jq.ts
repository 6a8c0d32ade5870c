import type { Clock } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { makeJqThread } from './jq-thread.ts';

/** jq's answer to `path(<expression>)`, or why there is none. `isPassing`: another time there may be one. */
export type JqPaths = { paths: readonly unknown[] } | { failure: string; isPassing?: true };

export interface Jq {
  /**
   * The paths in a document that an expression means: what `del(<expression>)` would delete. Never throws: what is wrong
   * with the expression is said. An expression that takes too long or breaks its thread is not tried again for a while:
   * the time is everybody's.
   */
  paths(expression: string, document: unknown): Promise<JqPaths>;
  stop(): Promise<void>;
}

/** One thread for all users' expressions, started at the first; one expression at a time. */
export function makeJq(clock: Clock): Jq {
  const thread = makeJqThread();
  const pausedUntil = new Map<string, { until: number; failure: string }>();
  let waiting = 0;
  let last: Promise<unknown> = Promise.resolve();

  const pause = (expression: string, failure: string): JqPaths => {
    if (pausedUntil.size >= limits.jqPausedMax) pausedUntil.clear();
    pausedUntil.set(expression, { until: clock() + limits.jqPauseMs, failure });
    return { failure, isPassing: true };
  };

  const evaluate = async (expression: string, document: unknown): Promise<JqPaths> => {
    const paused = pausedUntil.get(expression);
    if (paused !== undefined && paused.until > clock()) return { failure: paused.failure, isPassing: true };
    pausedUntil.delete(expression);
    const input = JSON.stringify(document);
    for (let tries = 1; ; tries++) {
      const answer = await thread.ask(input, `[path(${expression}\n)]`);
      if (answer === 'late') {
        // A machine that stood still isn't the expression's fault: a second try.
        if (tries < limits.jqTriesMax) continue;
        return pause(expression, `it took longer than ${limits.jqMs} ms`);
      }
      if ('output' in answer) return parsed(answer.output);
      return 'failure' in answer ? failureOf(answer.failure) : pause(expression, answer.broken);
    }
  };

  return {
    paths(expression, document) {
      if (waiting >= limits.jqWaitingMax) return Promise.resolve({ failure: 'too many expressions wait', isPassing: true });
      waiting++;
      const answer = last.then(() => evaluate(expression, document)).finally(() => waiting--);
      last = answer;
      return answer;
    },
    stop: () => thread.stop(),
  };
}

function parsed(output: string): JqPaths {
  const lines = output.trimEnd().split('\n');
  try {
    const paths: unknown = lines.length === 1 ? JSON.parse(lines[0] ?? '') : undefined;
    if (Array.isArray(paths) && paths.every((path) => Array.isArray(path))) return { paths };
  } catch {
    // Not one JSON value: said below.
  }
  return { failure: 'it is not one expression of paths' };
}

/** What is not there can't be ignored, and is no mistake: a rule for many kinds may well iterate over what one lacks. */
function failureOf(words: string): JqPaths {
  if (words.includes('Cannot iterate over null')) return { paths: [] };
  return {
    failure: words
      .replace(/^jq: error( \(at [^)]*\))?: /, '')
      .slice(0, limits.jqWordsMax)
      .trim(),
  };
}
