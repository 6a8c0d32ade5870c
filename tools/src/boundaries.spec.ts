import { describe, expect, it } from 'vitest';

import { importsIn } from './boundaries/imports.ts';
import { findViolations } from './boundaries/rules.ts';
import { readWorkspace, type Layer, type SourceFile, type WorkspacePackage } from './boundaries/workspace.ts';

describe('the house', () => {
  const workspace = readWorkspace();

  it('is seen as a whole', () => {
    const layers = new Set(workspace.packages.map((pkg) => pkg.layer));
    expect(workspace.packages.length).toBeGreaterThanOrEqual(19);
    expect(layers).toEqual(new Set(['core', 'adapter', 'platform', 'service', 'testing', 'tool', 'simulation']));
    for (const pkg of workspace.packages) expect(pkg.files, pkg.name).not.toHaveLength(0);
  });

  it('stands as architecture.md says', () => {
    expect(findViolations(workspace)).toEqual([]);
  });
});

/** Not written out: this file is read by the rules as well. */
const dynamic = 'import';

/** Remembers that the rules can fail at all: each case is a house with one thing wrong. */
describe('the rules notice', () => {
  const cases: [what: string, file: SourceFile, from: Layer, complaint: RegExp][] = [
    ['an adapter that imports an adapter', source(`import { a } from '@plumbline/other';`), 'adapter', /no arrow goes from adapter to adapter/],
    ['a service that imports a service', source(`import { a } from '@plumbline/door';`), 'service', /no arrow goes from service to service/],
    ['a deep import', source(`import { a } from '@plumbline/other/src/port.ts';`), 'service', /does not export/],
    ['an import that package.json does not list', source(`import left from 'left-pad';`), 'service', /left-pad is not in dependencies/],
    ['a path into the neighbour', source(`import { a } from '../../other/src/a.ts';`), 'adapter', /leaves its package/],
    ['a built-in module without node:', source(`import fs from 'fs';`), 'adapter', /node: before/],
    ['production code that imports a test', source(`import { a } from './a.spec.ts';`), 'adapter', /only tests import tests/],
    ['node: in a domain', source(`import { createHash } from 'node:crypto';`, 'src/domain/decide.ts'), 'service', /a domain is pure/],
    ['a framework in a domain', source(`import type { Type } from '@nestjs/common';`, 'src/domain/decide.ts'), 'service', /a domain is pure/],
    ['an adapter in a domain', source(`import type { Bus } from '@plumbline/other';`, 'src/domain/decide.ts'), 'service', /a domain is pure/],
    [
      'a domain that reaches out of itself',
      source(`import { store } from '../store.ts';`, 'src/domain/decide.ts'),
      'service',
      /imports itself and src\/limits.ts only/,
    ],
    ['a dynamic import', source(`const a = await ${dynamic}('@plumbline/other');`), 'adapter', /no arrow/],
    ['a decorator elsewhere', source(`@Injectable()\nexport class A {}`), 'service', /decorators only in/],
    ['a banned name', source('', 'src/string-utils.ts'), 'adapter', /name it after what it holds/],
    ['a banned folder', source('', 'src/helpers/a.ts'), 'adapter', /name it after what it holds/],
    ['a barrel', source('', 'src/queries/index.ts'), 'adapter', /no barrels/],
    ['a package that does not say what it is for', source('export const a = 1;', 'src/index.ts'), 'adapter', /opens with a comment/],
  ];

  it.each(cases)('%s', (_what, file, layer, complaint) => {
    const complaints = findViolations({
      packages: [house('first', layer, [file]), house('other', 'adapter'), house('door', 'service')],
      rootDevDependencies: [],
    });
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toMatch(complaint);
  });

  it('a missing build reference', () => {
    const first = { ...house('first', 'platform'), references: ['libs/door'] };
    expect(findViolations({ packages: [first, house('other', 'adapter'), house('door', 'adapter')], rootDevDependencies: [] })).toEqual([
      'libs/first/tsconfig.json: a reference to libs/other is missing',
    ]);
  });

  it('nothing in a sound house', () => {
    const file = source(`import { z } from 'zod';\nimport { a } from '@plumbline/other';\nimport { b } from './b.ts';\n// import c from 'c'`);
    expect(
      findViolations({ packages: [house('first', 'platform', [file]), house('other', 'adapter'), house('door', 'adapter')], rootDevDependencies: [] }),
    ).toEqual([]);
  });
});

it('finds every form of import', () => {
  const code = `import a from 'a';\nimport {\n  b,\n} from "b";\nexport * from './c.ts';\nimport 'd';\nlet e: ${dynamic}('e').E;\n/* import x from 'x' */\nexport const f = 'from';`;
  expect(importsIn(code)).toEqual(['a', 'b', './c.ts', 'd', 'e']);
});

function source(text: string, path = 'src/a.ts'): SourceFile {
  return { path, text };
}

function house(name: string, layer: Layer, files: SourceFile[] = []): WorkspacePackage {
  const depends = name === 'first';
  return {
    name: `@plumbline/${name}`,
    folder: `libs/${name}`,
    layer,
    dependencies: depends ? ['@plumbline/other', '@plumbline/door', '@nestjs/common', 'zod'] : [],
    devDependencies: [],
    exports: ['.'],
    references: depends ? ['libs/other', 'libs/door'] : [],
    files,
  };
}
