import { AppError } from './app-error.ts';

/**
 * Canonical JSON (RFC 8785): keys sorted by UTF-16 code units, numbers and strings as ECMAScript writes them, no white
 * space. Two values that mean the same have the same bytes, so hashes of them agree.
 *
 * `undefined` members are left out, as `JSON.stringify` does. A value JSON can't hold (a function, NaN, a cycle deeper
 * than 512) is refused. NUL and lone surrogates come out as \u escapes (PostgreSQL's text has no NUL).
 */
export function canonicalJson(value: unknown): string {
  return write(value, 0);
}

const depthMax = 512;

/** Strings that stand for themselves: nothing in them is escaped, and no surrogate has to be looked at. Most are such. */
const plainText = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;
const quoted = (text: string): string => (plainText.test(text) ? `"${text}"` : JSON.stringify(text));

/** By UTF-16 code units, as `sort` does; most objects are written in order already. */
function sortedKeys(record: object): string[] {
  const keys = Object.keys(record);
  for (let i = 1; i < keys.length; i++) if (keys[i - 1]! > keys[i]!) return keys.sort();
  return keys;
}

function write(value: unknown, depth: number): string {
  if (depth > depthMax) throw new AppError('invalid-argument', `value is nested deeper than ${depthMax} levels, or refers to itself`);
  if (value === null) return 'null';
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isFinite(value)) throw new AppError('invalid-argument', `${value} has no JSON form`);
      return JSON.stringify(value);
    case 'object':
      break;
    default:
      throw new AppError('invalid-argument', `a ${typeof value} has no JSON form`);
  }
  if (Array.isArray(value)) {
    let out = '[';
    for (let i = 0; i < value.length; i++) {
      if (i > 0) out += ',';
      out += value[i] === undefined ? 'null' : write(value[i], depth + 1);
    }
    return `${out}]`;
  }
  const toJson = (value as { toJSON?: unknown }).toJSON;
  if (typeof toJson === 'function') return write(toJson.call(value), depth + 1);
  const record = value as Record<string, unknown>;
  let out = '{';
  for (const key of sortedKeys(record)) {
    const member = record[key];
    if (member === undefined) continue;
    if (out.length > 1) out += ',';
    out += `${quoted(key)}:${write(member, depth + 1)}`;
  }
  return `${out}}`;
}
