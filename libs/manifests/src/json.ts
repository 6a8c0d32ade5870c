/** Reading JSON whose shape nobody has checked: what is not there, or is something else, is undefined or empty. */
export type JsonRecord = Record<string, unknown>;

export const isRecord = (value: unknown): value is JsonRecord => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A member that the object has itself: JSON may well have one called `__proto__` or `toString`. */
export const own = (record: JsonRecord, field: string): unknown => (Object.hasOwn(record, field) ? record[field] : undefined);

/** The value at a path of field names. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const field of path) {
    if (!isRecord(current)) return undefined;
    current = own(current, field);
  }
  return current;
}

export const textAt = (value: unknown, ...path: readonly string[]): string | undefined => {
  const found = at(value, ...path);
  return typeof found === 'string' ? found : undefined;
};

export const numberAt = (value: unknown, ...path: readonly string[]): number | undefined => {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : undefined;
};

/** The objects of a list; anything else in it is left out. */
export const recordsAt = (value: unknown, ...path: readonly string[]): JsonRecord[] => {
  const found = at(value, ...path);
  return Array.isArray(found) ? found.filter(isRecord) : [];
};

/** Whether two JSON values mean the same: members in any order, an `undefined` member is no member. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  for (const key of keys) if (!jsonEqual(own(a, key), own(b, key))) return false;
  return true;
}
