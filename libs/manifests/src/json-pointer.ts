import { AppError } from '@plumbline/contracts';
import { isRecord } from './json.ts';

/** A JSON pointer (RFC 6901) into its tokens. `''` is the whole document. Throws `invalid-argument`. */
export function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw new AppError('invalid-argument', `${JSON.stringify(pointer)} is not a JSON pointer: it has to start with "/"`);
  return pointer
    .slice(1)
    .split('/')
    .map((token) => {
      if (/~(?![01])/.test(token))
        throw new AppError('invalid-argument', `${JSON.stringify(pointer)} is not a JSON pointer: "~" is written "~0" and "/" inside a name "~1"`);
      return token.replaceAll('~1', '/').replaceAll('~0', '~');
    });
}

export const formatPointer = (tokens: readonly (string | number)[]): string =>
  tokens.map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The value there; undefined when there is none. */
export function getPointer(document: unknown, pointer: string): unknown {
  let current = document;
  for (const token of parsePointer(pointer)) {
    if (Array.isArray(current)) current = isIndex(token, current.length) ? current[Number(token)] : undefined;
    else if (isRecord(current) && Object.hasOwn(current, token)) current = current[token];
    else return undefined;
  }
  return current;
}

/**
 * A copy without the value there (JSON Patch `remove`, RFC 6902); the document itself when there is none. Only what lies
 * on the way is copied. The root can't be removed.
 */
export function removePointer<T>(document: T, pointer: string): T {
  const tokens = parsePointer(pointer);
  return tokens.length === 0 ? document : (removeAt(document, tokens, 0) as T);
}

function removeAt(value: unknown, tokens: readonly string[], depth: number): unknown {
  const token = tokens[depth];
  if (token === undefined) return value;
  const isLast = depth === tokens.length - 1;
  if (Array.isArray(value)) {
    if (!isIndex(token, value.length)) return value;
    const index = Number(token);
    if (isLast) return value.toSpliced(index, 1);
    const child = removeAt(value[index], tokens, depth + 1);
    return child === value[index] ? value : value.with(index, child);
  }
  if (!isRecord(value) || !Object.hasOwn(value, token)) return value;
  if (isLast) {
    const { [token]: _removed, ...rest } = value;
    return rest;
  }
  const child = removeAt(value[token], tokens, depth + 1);
  return child === value[token] ? value : { ...value, [token]: child };
}

/** A copy with another value there; the document itself where the pointer leads nowhere. Only what lies on the way is copied. */
export function replacePointer<T>(document: T, pointer: string, value: unknown): T {
  const replaceAt = (node: unknown, [token, ...rest]: readonly string[]): unknown => {
    if (token === undefined) return value;
    if (Array.isArray(node)) return isIndex(token, node.length) ? node.with(Number(token), replaceAt(node[Number(token)], rest)) : node;
    return isRecord(node) && Object.hasOwn(node, token) ? { ...node, [token]: replaceAt(node[token], rest) } : node;
  };
  return replaceAt(document, parsePointer(pointer)) as T;
}

const isIndex = (token: string, length: number): boolean => /^(0|[1-9]\d*)$/.test(token) && Number(token) < length;
