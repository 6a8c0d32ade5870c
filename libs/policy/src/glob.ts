import { AppError } from '@plumbline/contracts';
import { compile } from './automaton.ts';
import type { Matcher, PatternNode } from './automaton.ts';
import { limits } from './limits.ts';

export interface GlobDialect {
  /** A character that `*` and `?` don't cross. Absent: they match anything. */
  separator?: string;
  /** `{a,b}` and `**`: gobwas/glob has them, Go's filepath.Match does not. */
  extended: boolean;
}

/** Argo CD's policy and destination patterns: gobwas/glob without separators, so that `*` crosses `/`. */
export const plainGlob: GlobDialect = { extended: true };
/** Argo CD's source patterns: `*` stays within a path segment, `**` crosses. */
export const pathGlob: GlobDialect = { extended: true, separator: '/' };
/** Go's filepath.Match: resource groups, kinds and names. */
export const fileMatch: GlobDialect = { extended: false, separator: '/' };

/**
 * A pattern as a function of text; `*` `**` `?` `[a-z]` `[!a]` (filepath.Match also `[^a]`) `{a,b}` `\x`.
 * Throws `invalid-argument` for a pattern that has no meaning (an open bracket, too long, too complex).
 */
export function compileGlob(pattern: string, dialect: GlobDialect): Matcher {
  if (pattern.length > limits.patternCharsMax) throw bad(pattern, `it is longer than ${limits.patternCharsMax} characters`);
  if (!/[*?[\]{}\\]/.test(pattern)) return (text) => text === pattern;
  const reader: Reader = { pattern, at: 0, dialect, depth: 0 };
  const root = readSequence(reader, '');
  if (reader.at < pattern.length) throw bad(pattern, `there is a "${pattern[reader.at]}" without its opening`);
  return compile(root);
}

interface Reader {
  readonly pattern: string;
  at: number;
  readonly dialect: GlobDialect;
  depth: number;
}

function readSequence(reader: Reader, stops: string): PatternNode {
  const nodes: PatternNode[] = [];
  while (reader.at < reader.pattern.length) {
    const character = String.fromCodePoint(reader.pattern.codePointAt(reader.at) ?? 0);
    if (stops.includes(character)) break;
    if (stops === '' && character === '}' && reader.dialect.extended) break;
    reader.at += character.length;
    nodes.push(readOne(reader, character));
  }
  return { type: 'sequence', nodes };
}

function readOne(reader: Reader, character: string): PatternNode {
  const { dialect, pattern } = reader;
  switch (character) {
    case '*':
      if (dialect.extended && pattern[reader.at] === '*') {
        reader.at++;
        return { type: 'repeat', node: { type: 'one', accepts: () => true }, min: 0, max: Infinity };
      }
      return { type: 'repeat', node: { type: 'one', accepts: notSeparator(dialect) }, min: 0, max: Infinity };
    case '?':
      return { type: 'one', accepts: notSeparator(dialect) };
    case '[':
      return readClass(reader);
    case '{':
      return dialect.extended ? readAlternatives(reader) : literal(character);
    case '\\':
      return literal(take(reader, 'a backslash has nothing after it'));
    default:
      return literal(character);
  }
}

function readAlternatives(reader: Reader): PatternNode {
  if (++reader.depth > limits.patternDepthMax) throw bad(reader.pattern, `alternatives are nested deeper than ${limits.patternDepthMax}`);
  const nodes: PatternNode[] = [];
  for (;;) {
    nodes.push(readSequence(reader, ',}'));
    if (take(reader, 'a "{" is not closed') === '}') break;
  }
  reader.depth--;
  return { type: 'either', nodes };
}

function readClass(reader: Reader): PatternNode {
  const negations = reader.dialect.extended ? '!' : '^';
  const isNegated = reader.pattern[reader.at] === negations;
  if (isNegated) reader.at++;
  const ranges: [number, number][] = [];
  while (reader.pattern[reader.at] !== ']' || ranges.length === 0) {
    const low = takeClassCharacter(reader);
    const isRange = reader.pattern[reader.at] === '-' && reader.pattern[reader.at + 1] !== ']';
    if (isRange) reader.at++;
    const high = isRange ? takeClassCharacter(reader) : low;
    if (high < low) throw bad(reader.pattern, 'a range in "[…]" runs backwards');
    ranges.push([low, high]);
  }
  reader.at++;
  const isSeparator = reader.dialect.separator?.codePointAt(0);
  return { type: 'one', accepts: (point) => point !== isSeparator && ranges.some(([low, high]) => point >= low && point <= high) !== isNegated };
}

function takeClassCharacter(reader: Reader): number {
  const character = take(reader, 'a "[" is not closed');
  return (character === '\\' ? take(reader, 'a "[" is not closed') : character).codePointAt(0) ?? 0;
}

function take(reader: Reader, otherwise: string): string {
  const point = reader.pattern.codePointAt(reader.at);
  if (point === undefined) throw bad(reader.pattern, otherwise);
  const character = String.fromCodePoint(point);
  reader.at += character.length;
  return character;
}

function notSeparator(dialect: GlobDialect): (point: number) => boolean {
  const separator = dialect.separator?.codePointAt(0);
  return separator === undefined ? () => true : (point) => point !== separator;
}

function literal(character: string): PatternNode {
  const expected = character.codePointAt(0);
  return { type: 'one', accepts: (point) => point === expected };
}

const bad = (pattern: string, why: string): AppError =>
  new AppError('invalid-argument', `pattern "${pattern.slice(0, 100)}" can't be read: ${why}`, { details: { pattern: pattern.slice(0, 100) } });
