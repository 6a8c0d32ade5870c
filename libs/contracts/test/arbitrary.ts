import fc from 'fast-check';
import type { JsonSchema } from './schema-files.ts';

/** Any value that fits a JSON Schema, as far as the schemas of events go. */
export function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  if (Array.isArray(schema['anyOf'])) return fc.oneof(...(schema['anyOf'] as JsonSchema[]).map(arbitraryOf));
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]));
  switch (schema['type']) {
    case 'string':
      return fc.string();
    case 'number':
      return fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(arbitraryOf(schema['items'] as JsonSchema), { maxLength: 3 });
    case 'object':
      return objectOf(schema);
    default:
      return fc.jsonValue({ maxDepth: 1 });
  }
}

function objectOf(schema: JsonSchema): fc.Arbitrary<unknown> {
  const {
    properties,
    required = [],
    additionalProperties,
  } = schema as { properties?: Record<string, JsonSchema>; required?: string[]; additionalProperties?: JsonSchema };
  if (properties === undefined) return fc.dictionary(fc.string(), arbitraryOf(additionalProperties ?? {}), { maxKeys: 3 });
  const members = Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, arbitraryOf(member)]));
  return fc.record(members, { requiredKeys: required });
}
