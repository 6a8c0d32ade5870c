import { AppError } from '@plumbline/contracts';
import type { Matcher } from './automaton.ts';
import { compileGlob } from './glob.ts';
import type { GlobDialect } from './glob.ts';
import { limits } from './limits.ts';

const compiled = new Map<GlobDialect, Map<string, Matcher | undefined>>();

/** The compiled pattern; undefined when it can't be read. A memo of a pure function, bounded. */
export function globMatcher(pattern: string, dialect: GlobDialect): Matcher | undefined {
  let known = compiled.get(dialect);
  if (known === undefined || known.size >= limits.patternsCachedMax) compiled.set(dialect, (known = new Map()));
  if (!known.has(pattern)) known.set(pattern, compileOrNothing(pattern, dialect));
  return known.get(pattern);
}

function compileOrNothing(pattern: string, dialect: GlobDialect): Matcher | undefined {
  try {
    return compileGlob(pattern, dialect);
  } catch (error) {
    if (AppError.is(error) && error.code === 'invalid-argument') return undefined;
    throw error;
  }
}

export const isReadable = (pattern: string, dialect: GlobDialect): boolean => globMatcher(pattern, dialect) !== undefined;

/** For a pattern that permits: one that can't be read permits nothing. */
export const permits = (pattern: string, text: string, dialect: GlobDialect): boolean => pattern === '*' || (globMatcher(pattern, dialect)?.(text) ?? false);

/** For a pattern that forbids: one that can't be read forbids everything. */
export const forbids = (pattern: string, text: string, dialect: GlobDialect): boolean => pattern === '*' || (globMatcher(pattern, dialect)?.(text) ?? true);
