import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  addToLock,
  howToUpdate,
  isExtension,
  isUpdating,
  jsonSchemaOf,
  readGoldens,
  readLock,
  readSchemaFile,
  uncovered,
  versionsOf,
  writeSchemaFile,
} from '../test/schema-files.ts';
import type { JsonSchema } from '../test/schema-files.ts';
import { canonicalJson } from './canonical-json.ts';
import { evolveApplicationStatus, initialApplicationStatus } from './application-status.ts';
import type { RecordedEvent } from './event.ts';
import { currentSchemaVersion, eventTypes } from './event-types.ts';
import type { EventVersions } from './event-types.ts';
import { assertUnderstood, makeUpcast, upcast } from './upcast.ts';

const recordedOf = (type: string, data: unknown, schemaVersion = 1): RecordedEvent => ({
  position: 7,
  id: '00000000-0000-8000-8000-000000000007',
  stream: 'thing-a',
  version: 3,
  type,
  data,
  metadata: { actor: 'ann', service: 'test', schemaVersion },
  at: '2030-01-01T00:00:00.000000Z',
});

describe('the list of event types', () => {
  it('has every type that a union in events/ names', () => {
    const folder = new URL('./events/', import.meta.url);
    const named = readdirSync(folder).flatMap((file) =>
      [...readFileSync(new URL(file, folder), 'utf8').matchAll(/\btype: '([A-Z]\w+)';\s*data\b/g)].map((match) => match[1]!),
    );
    expect(named.length).toBeGreaterThan(30);
    const missing = named.filter((type) => !eventTypes.has(type));
    expect(missing, 'add the union to KnownEvent in event-types.ts, and a schema for each of these types to schemas/').toEqual([]);
  });

  it.each(versionsOf(eventTypes))('$type v$version looks as it did when it was first recorded', ({ type, version, schema }) => {
    const now = jsonSchemaOf(schema);
    const before = readSchemaFile(type, version);
    const mayBeWritten = before === undefined || isExtension(before, now);
    if (isUpdating && mayBeWritten) {
      if (canonicalJson(now) !== canonicalJson(before ?? null)) writeSchemaFile(type, version, now);
      return;
    }
    const advice = mayBeWritten
      ? `${type} v${version} is new or has new optional fields: add a golden file ${type}.v${version}.<what-is-new>.json that has them, then ${howToUpdate}`
      : `${type} v${version} is recorded in logs, and its schema was changed in a way that old events don't fit. Leave that schema as the last of the type's older versions in event-types.ts, with a lift to the new one; add a golden file ${type}.v${version + 1}.json; then ${howToUpdate}`;
    expect(canonicalJson(now), advice).toBe(canonicalJson(before ?? null));
  });
});

describe('golden files', () => {
  const goldens = readGoldens();

  it.each(versionsOf(eventTypes))('$type v$version has one', ({ type, version }) => {
    const found = goldens.filter((golden) => golden.type === type && golden.version === version);
    expect(found.length, `add libs/contracts/testdata/events/${type}.v${version}.json: an event as it is recorded; then ${howToUpdate}`).toBeGreaterThan(0);
  });

  it.each([...eventTypes.keys()])('of %s show every field that the current version has', (type) => {
    const version = currentSchemaVersion(type);
    const data = goldens.filter((golden) => golden.type === type && golden.version === version).map(({ recorded }) => recorded.data);
    const missing = uncovered(jsonSchemaOf(eventTypes.get(type)!.schema), data);
    expect(missing, `add a golden file ${type}.v${version}.<variant>.json that has these fields`).toEqual([]);
  });

  it.each(goldens)('$file is what it says, and is read as the current version', ({ file, type, version, recorded }) => {
    const versions = eventTypes.get(type);
    expect(versions, `${file}: no event type ${type} any more; logs still have it, so it stays in event-types.ts`).toBeDefined();
    expect(recorded).toMatchObject({ type, metadata: { schemaVersion: version } });
    const own = [...versions!.older.map((older) => older.schema), versions!.schema][version - 1];
    expect(own?.safeParse(recorded.data).error, `${file} does not fit the schema of version ${version}`).toBeUndefined();
    const lifted = upcast(recorded);
    expect(lifted.metadata.schemaVersion).toBe(currentSchemaVersion(type));
    expect(versions!.schema.safeParse(lifted.data).error, `${file} is not lifted to what ${type} is now`).toBeUndefined();
    if (version === currentSchemaVersion(type)) expect(lifted).toBe(recorded);
    expect(() => assertUnderstood(lifted)).not.toThrow();
  });

  it('are added, never edited or removed', () => {
    const lock = readLock();
    const changed = goldens.filter(({ file, hash }) => lock[file] !== undefined && lock[file] !== hash).map(({ file }) => file);
    expect(changed, 'a golden file is a recorded fact: restore it, and add another file for what is new').toEqual([]);
    const gone = Object.keys(lock).filter((file) => goldens.every((golden) => golden.file !== file));
    expect(gone, 'logs still hold such events: restore the golden file').toEqual([]);
    if (isUpdating) addToLock(goldens);
    expect(Object.keys(readLock()).sort(), `lock.json misses a golden file: ${howToUpdate}`).toEqual(goldens.map(({ file }) => file).sort());
  });
});

describe('upcasting', () => {
  /** A type that changed twice: `name` was split, then `age` became `years`. */
  const oldest = z.object({ name: z.string(), age: z.number() });
  const older = z.object({ first: z.string(), last: z.string(), age: z.number() });
  const current = z.object({ first: z.string(), last: z.string(), years: z.number() });
  const types = new Map<string, EventVersions>([
    [
      'PersonSeen',
      {
        schema: current,
        older: [
          {
            schema: oldest,
            lift: (data) => {
              const { name, ...rest } = data as z.output<typeof oldest>;
              const [first = '', ...last] = name.split(' ');
              return { ...rest, first, last: last.join(' ') };
            },
          },
          {
            schema: older,
            lift: (data) => {
              const { age, ...rest } = data as z.output<typeof older>;
              return { ...rest, years: age };
            },
          },
        ],
      },
    ],
  ]);
  const lift = makeUpcast(types);

  it('goes step by step to the current version, and keeps fields that nobody named', () => {
    const recorded = recordedOf('PersonSeen', { name: 'Ada King Lovelace', age: 36, city: 'London' });
    expect(lift(recorded)).toEqual({
      ...recorded,
      data: { first: 'Ada', last: 'King Lovelace', years: 36, city: 'London' },
      metadata: { ...recorded.metadata, schemaVersion: 3 },
    });
    expect(lift(recordedOf('PersonSeen', { first: 'Ada', last: 'L', age: 1 }, 2)).data).toEqual({ first: 'Ada', last: 'L', years: 1 });
    expect(recorded.data).toEqual({ name: 'Ada King Lovelace', age: 36, city: 'London' });
  });

  it('done twice is done once', () => {
    const once = lift(recordedOf('PersonSeen', { name: 'Ada L', age: 36 }));
    expect(lift(once)).toBe(once);
  });

  it('leaves alone what it does not know', () => {
    for (const unknown of [recordedOf('SomethingElse', { a: 1 }, 1), recordedOf('PersonSeen', { soul: true }, 4)]) expect(lift(unknown)).toBe(unknown);
  });

  it('makes anything that fits an older version fit the current one', () => {
    const all = [...types, ...eventTypes].flatMap(([type, versions]) =>
      versions.older.map((one, index) => ({ type, version: index + 1, old: one.schema, now: versions.schema })),
    );
    for (const { type, version, old, now } of all) {
      const up = makeUpcast(new Map([...types, ...eventTypes]));
      fc.assert(
        fc.property(arbitraryOf(jsonSchemaOf(old)), (data) => {
          const problem = now.safeParse(up(recordedOf(type, data, version)).data).error;
          if (problem !== undefined) throw problem;
        }),
      );
    }
  });

  it('refuses to let a newer version be misread, and lets unknown types pass', () => {
    expect(() => assertUnderstood(recordedOf('PersonSeen', {}, 4), types)).toThrow(/schema version 4, this release knows 3: upgrade this service/);
    for (const fine of [recordedOf('PersonSeen', {}, 3), recordedOf('SomethingElse', {}, 9)]) expect(() => assertUnderstood(fine, types)).not.toThrow();
    expect(() => assertUnderstood(recordedOf('SyncStarted', {}, 2))).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });
});

describe('an event that fits its schema', () => {
  it.each([...eventTypes].filter(([, { schema }]) => schema instanceof z.ZodObject))('never breaks the fold of the status: %s', (type, { schema }) => {
    fc.assert(
      fc.property(arbitraryOf(jsonSchemaOf(schema)), (data) => {
        const declared = recordedOf('ApplicationDeclared', {
          namespace: 'a',
          name: 'b',
          uid: 'u',
          project: 'p',
          spec: { project: 'p', destination: {} },
          specHash: '',
          sealedSpec: '',
        });
        evolveApplicationStatus(evolveApplicationStatus(initialApplicationStatus, declared), recordedOf(type, data));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a change of a schema', () => {
  const before = jsonSchemaOf(z.object({ a: z.string(), b: z.array(z.object({ c: z.number() })) }));
  it.each([
    ['an optional field', z.object({ a: z.string(), b: z.array(z.object({ c: z.number() })), d: z.string().optional() }), true],
    ['an optional field deeper down', z.object({ a: z.string(), b: z.array(z.object({ c: z.number(), d: z.string().optional() })) }), true],
    ['a required field', z.object({ a: z.string(), b: z.array(z.object({ c: z.number() })), d: z.string() }), false],
    ['a field less', z.object({ b: z.array(z.object({ c: z.number() })) }), false],
    ['a required field that became optional', z.object({ a: z.string().optional(), b: z.array(z.object({ c: z.number() })) }), false],
    ['another type', z.object({ a: z.string(), b: z.array(z.object({ c: z.string() })) }), false],
    ['one value more', z.object({ a: z.enum(['x']), b: z.array(z.object({ c: z.number() })) }), false],
  ])('%s', (_what, after, isAllowed) => expect(isExtension(before, jsonSchemaOf(after))).toBe(isAllowed));
});

/** Any value that fits a JSON Schema, as far as the schemas of events go. */
function arbitraryOf(schema: JsonSchema): fc.Arbitrary<unknown> {
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
