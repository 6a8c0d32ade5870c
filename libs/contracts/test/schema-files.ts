import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { canonicalJson } from '../src/canonical-json.ts';
import type { RecordedEvent } from '../src/event.ts';
import type { EventVersions } from '../src/event-types.ts';

/**
 * The files that remember what was ever recorded, in testdata/events: `<Type>.v<N>[.<variant>].json`, recorded events as
 * they were; `<Type>.v<N>.schema.json`, what fits; `lock.json`, the hashes of the former. Files are added, never edited.
 */
const folder = new URL('../testdata/events/', import.meta.url);
const lockFile = new URL('lock.json', folder);
export const isUpdating = process.env['UPDATE_EVENT_FILES'] === '1';
export const howToUpdate = 'run UPDATE_EVENT_FILES=1 npx vitest run --project unit libs/contracts, see docs/internals/event-schemas.md';

export interface Golden {
  file: string;
  type: string;
  version: number;
  recorded: RecordedEvent;
  hash: string;
}

export function readGoldens(): Golden[] {
  return readdirSync(folder).flatMap((file) => {
    const match = /^([A-Za-z]+)\.v(\d+)(?:\.(?!schema\.)[a-z-]+)?\.json$/.exec(file);
    if (match === null) return [];
    const text = readFileSync(new URL(file, folder), 'utf8');
    const recorded = JSON.parse(text) as RecordedEvent;
    // Of what it says, so that a formatter may have its way with how.
    const hash = createHash('sha256').update(canonicalJson(recorded)).digest('hex');
    const [, type = '', version] = match;
    return [{ file, type, version: Number(version), recorded, hash }];
  });
}

export const readLock = (): Record<string, string> => JSON.parse(existsSync(lockFile) ? readFileSync(lockFile, 'utf8') : '{}') as Record<string, string>;

export function addToLock(goldens: readonly Golden[]): void {
  const lock = { ...Object.fromEntries(goldens.map(({ file, hash }) => [file, hash])), ...readLock() };
  writeFileSync(lockFile, `${JSON.stringify(Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1))), undefined, 2)}\n`);
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** `io: input`: what isn't named is not forbidden. */
export const jsonSchemaOf = (schema: z.ZodType): JsonSchema => JSON.parse(JSON.stringify(z.toJSONSchema(schema, { io: 'input' }))) as JsonSchema;

const schemaFile = (type: string, version: number): URL => new URL(`${type}.v${version}.schema.json`, folder);

export function readSchemaFile(type: string, version: number): JsonSchema | undefined {
  const file = schemaFile(type, version);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JsonSchema) : undefined;
}

export const writeSchemaFile = (type: string, version: number, schema: JsonSchema): void =>
  writeFileSync(schemaFile(type, version), `${JSON.stringify(schema, undefined, 2)}\n`);

/** All versions of all types, with the schema of each. */
export function versionsOf(types: ReadonlyMap<string, EventVersions>): { type: string; version: number; schema: z.ZodType }[] {
  return [...types].flatMap(([type, { schema, older }]) =>
    [...older.map((one) => one.schema), schema].map((each, index) => ({ type, version: index + 1, schema: each })),
  );
}

/** Whether `after` differs from `before` by optional members only: who reads the one can read the other. */
export function isExtension(before: unknown, after: unknown): boolean {
  if (!isRecord(before) || !isRecord(after)) return canonicalJson(before ?? null) === canonicalJson(after ?? null);
  const { properties: knownBefore = {}, items: itemsBefore, ...restBefore } = before;
  const { properties: knownAfter = {}, items: itemsAfter, ...restAfter } = after;
  if (canonicalJson(restBefore) !== canonicalJson(restAfter)) return false;
  const [membersBefore, membersAfter] = [knownBefore as JsonSchema, knownAfter as JsonSchema];
  return isExtension(itemsBefore, itemsAfter) && Object.entries(membersBefore).every(([name, schema]) => isExtension(schema, membersAfter[name]));
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Paths of the members that a schema names and no example has. */
export function uncovered(schema: JsonSchema, examples: readonly unknown[], path = ''): string[] {
  if (isRecord(schema['items']))
    return uncovered(
      schema['items'],
      examples.flatMap((example) => (Array.isArray(example) ? (example as unknown[]) : [])),
      `${path}[]`,
    );
  if (!isRecord(schema['properties'])) return [];
  return Object.entries(schema['properties']).flatMap(([name, member]) => {
    const found = examples.flatMap((example) => (isRecord(example) && example[name] !== undefined ? [example[name]] : []));
    const place = path === '' ? name : `${path}.${name}`;
    return found.length === 0 ? [place] : uncovered(member as JsonSchema, found, place);
  });
}
