import { AppError } from '@plumbline/contracts';
import { compile } from './automaton.ts';
import type { Matcher, PatternNode } from './automaton.ts';
import { limits } from './limits.ts';

type Accepts = (codePoint: number) => boolean;

interface Reader {
  readonly pattern: string;
  at: number;
  depth: number;
}

/**
 * Regular expressions of `policy.matchMode: regex`, matched anywhere in the text (as Go's MatchString): literals, `.`,
 * classes, `\d \w \s` and their opposites, groups, `|`, `* + ? {m,n}` (lazy forms mean the same here), `^` and `$`.
 * Anything else (back-references, look-around, flags, `\b`, POSIX or Unicode classes) is refused as `invalid-argument`:
 * what isn't understood must not be guessed at in a rule about rights.
 */
export function compileRegularExpression(pattern: string): Matcher {
  if (pattern.length > limits.patternCharsMax) throw bad(pattern, `it is longer than ${limits.patternCharsMax} characters`);
  const reader: Reader = { pattern, at: 0, depth: 0 };
  const body = readEither(reader);
  if (reader.at < pattern.length) throw bad(pattern, 'there is a ")" without its "("');
  const anything: PatternNode = { type: 'repeat', node: { type: 'one', accepts: () => true }, min: 0, max: Infinity };
  return compile({ type: 'sequence', nodes: [anything, body, anything] });
}

function readEither(reader: Reader): PatternNode {
  const first = readSequence(reader);
  const others: PatternNode[] = [];
  while (reader.pattern[reader.at] === '|') {
    reader.at++;
    others.push(readSequence(reader));
  }
  return others.length === 0 ? first : { type: 'either', nodes: [first, ...others] };
}

function readSequence(reader: Reader): PatternNode {
  const nodes: PatternNode[] = [];
  for (let next = reader.pattern[reader.at]; next !== undefined && next !== '|' && next !== ')'; next = reader.pattern[reader.at]) {
    nodes.push(readRepeated(reader, readAtom(reader)));
  }
  return { type: 'sequence', nodes };
}

function readAtom(reader: Reader): PatternNode {
  const character = take(reader);
  switch (character) {
    case '^':
      return { type: 'start' };
    case '$':
      return { type: 'end' };
    case '.':
      return { type: 'one', accepts: (point) => point !== 0x0a };
    case '(':
      return readGroup(reader);
    case '[':
      return { type: 'one', accepts: readClass(reader) };
    case '\\':
      return { type: 'one', accepts: readEscape(reader) };
    case '*':
    case '+':
    case '?':
    case '{':
      throw bad(reader.pattern, `"${character}" has nothing to repeat`);
    default:
      return { type: 'one', accepts: is(pointOf(character)) };
  }
}

function readGroup(reader: Reader): PatternNode {
  if (++reader.depth > limits.patternDepthMax) throw bad(reader.pattern, `groups are nested deeper than ${limits.patternDepthMax}`);
  if (reader.pattern[reader.at] === '?') {
    if (reader.pattern[reader.at + 1] !== ':') throw bad(reader.pattern, 'only plain groups and "(?:" are understood');
    reader.at += 2;
  }
  const body = readEither(reader);
  if (reader.pattern[reader.at] !== ')') throw bad(reader.pattern, 'a "(" is not closed');
  reader.at++;
  reader.depth--;
  return body;
}

function readRepeated(reader: Reader, node: PatternNode): PatternNode {
  const bounds = readBounds(reader);
  if (bounds === undefined) return node;
  if (node.type === 'start' || node.type === 'end') throw bad(reader.pattern, '"^" and "$" can\'t be repeated');
  if (reader.pattern[reader.at] === '?') reader.at++;
  if (readBounds(reader) !== undefined) throw bad(reader.pattern, 'a repetition is repeated; use a group');
  return { type: 'repeat', node, ...bounds };
}

function readBounds(reader: Reader): { min: number; max: number } | undefined {
  const simple = { '*': { min: 0, max: Infinity }, '+': { min: 1, max: Infinity }, '?': { min: 0, max: 1 } } as const;
  const character = reader.pattern[reader.at];
  if (character === '*' || character === '+' || character === '?') {
    reader.at++;
    return simple[character];
  }
  if (character !== '{') return undefined;
  const found = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(reader.pattern.slice(reader.at, reader.at + 16));
  if (found === null) throw bad(reader.pattern, '"{" begins no {m}, {m,} or {m,n}; write \\{ for the character');
  reader.at += found[0].length;
  const min = Number(found[1]);
  const max = found[2] === undefined ? min : found[3] === undefined ? Infinity : Number(found[3]);
  if (min > limits.patternRepeatMax || (max !== Infinity && (max > limits.patternRepeatMax || max < min))) {
    throw bad(reader.pattern, `${found[0]} must rise and stay within ${limits.patternRepeatMax}`);
  }
  return { min, max };
}

function readClass(reader: Reader): Accepts {
  const isNegated = reader.pattern[reader.at] === '^';
  if (isNegated) reader.at++;
  const members: Accepts[] = [];
  while (reader.pattern[reader.at] !== ']' || members.length === 0) {
    const character = take(reader);
    if (character === '[' && reader.pattern[reader.at] === ':') throw bad(reader.pattern, 'POSIX classes are not understood');
    if (character === '\\' && /[dDwWsS]/.test(reader.pattern[reader.at] ?? '')) {
      members.push(readEscape(reader));
      continue;
    }
    const low = classPoint(reader, character);
    if (reader.pattern[reader.at] !== '-' || reader.pattern[reader.at + 1] === ']') {
      members.push(is(low));
      continue;
    }
    reader.at++;
    const high = classPoint(reader, take(reader));
    if (high < low) throw bad(reader.pattern, 'a range in "[…]" runs backwards');
    members.push((point) => point >= low && point <= high);
  }
  reader.at++;
  return (point) => members.some((accepts) => accepts(point)) !== isNegated;
}

const classPoint = (reader: Reader, character: string): number => (character === '\\' ? escapedPoint(reader, take(reader)) : pointOf(character));

const isDigit: Accepts = (point) => point >= 0x30 && point <= 0x39;
const isWord: Accepts = (point) => isDigit(point) || point === 0x5f || (point >= 0x41 && point <= 0x5a) || (point >= 0x61 && point <= 0x7a);
const isSpace: Accepts = (point) => point === 0x20 || (point >= 0x09 && point <= 0x0d && point !== 0x0b);

function readEscape(reader: Reader): Accepts {
  const character = take(reader);
  const named = { d: isDigit, w: isWord, s: isSpace }[character.toLowerCase()];
  if (named === undefined) return is(escapedPoint(reader, character));
  return character === character.toLowerCase() ? named : (point) => !named(point);
}

function escapedPoint(reader: Reader, character: string): number {
  const control = { n: 0x0a, r: 0x0d, t: 0x09, f: 0x0c }[character];
  if (control !== undefined) return control;
  if (/[\p{L}\p{N}]/u.test(character)) throw bad(reader.pattern, `"\\${character}" is not understood`);
  return pointOf(character);
}

function take(reader: Reader): string {
  const point = reader.pattern.codePointAt(reader.at);
  if (point === undefined) throw bad(reader.pattern, 'it ends too early');
  const character = String.fromCodePoint(point);
  reader.at += character.length;
  return character;
}

const pointOf = (character: string): number => character.codePointAt(0) ?? 0;

const is =
  (expected: number): Accepts =>
  (point) =>
    point === expected;

const bad = (pattern: string, why: string): AppError =>
  new AppError('invalid-argument', `regular expression "${pattern.slice(0, 100)}" can't be read: ${why}`, { details: { pattern: pattern.slice(0, 100) } });
