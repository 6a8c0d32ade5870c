import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { readWorkspace } from './boundaries/workspace.ts';
import { checkoutRoot } from './platform/paths.ts';

const { packages } = readWorkspace();
const runtime = packages.filter(({ layer }) => layer !== 'tool' && layer !== 'testing' && layer !== 'simulation').flatMap(({ dependencies }) => dependencies);
const direct = new Set(runtime.filter((name) => !name.startsWith('@plumbline/')));

it('every runtime dependency has its reason in docs/internals/dependencies.md', () => {
  const page = readFileSync(join(checkoutRoot, 'docs/internals/dependencies.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `([^`]+)`\s*\|/gm)].map((match) => match[1] ?? '');
  expect(new Set(listed)).toEqual(direct);
});

it('there are at most 40 of them', () => {
  expect(direct.size).toBeGreaterThan(0);
  expect(direct.size).toBeLessThanOrEqual(40);
});
