/** PostgreSQL's text has no NUL, and UTF-8 no half of a surrogate pair; an error's message may hold anything. */
export const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

/**
 * JSON for a `jsonb` column of a projection. The log keeps what anybody managed to say, escaped; `jsonb` refuses NUL and
 * lone surrogates, and a message of a Kubernetes object may hold them: they become U+FFFD.
 */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!/\\u(0000|d[89a-f])/i.test(text)) return text;
  return JSON.stringify(clean(value));
}

function clean(value: unknown): unknown {
  if (typeof value === 'string') return storableText(value);
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [storableText(key), clean(each)]));
}
