import { eventTypes } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { readWorkspace } from './boundaries/workspace.ts';

/** The compiler sees the unions of libs/contracts; this sees what is said without one. */
it('no program says an event that the list of event types does not know', () => {
  const said = readWorkspace().packages.flatMap(({ folder, files }) =>
    files
      .filter(({ path }) => path.startsWith('src/') && !/\.spec\.ts$|\/contract\//.test(path))
      .flatMap(({ path, text }) =>
        [...text.matchAll(/\bevent\(\s*'([A-Z]\w+)'|\btype: '([A-Z][a-z]+[A-Z]\w+)',\s*data\b/g)].map((match) => ({
          type: match[1] ?? match[2]!,
          where: `${folder}/${path}`,
        })),
      ),
  );
  expect(said.length).toBeGreaterThan(20);
  const unknown = said.filter(({ type }) => !eventTypes.has(type)).map(({ type, where }) => `${type} in ${where}`);
  expect(
    unknown,
    'add these to a union in libs/contracts/src/events, to KnownEvent in event-types.ts, and a schema to schemas/; see docs/internals/event-schemas.md',
  ).toEqual([]);
});
