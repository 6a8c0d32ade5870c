import { builtinModules } from 'node:module';
import { posix } from 'node:path';

import { decoratorsIn, importsIn, withoutComments } from './imports.ts';
import type { Layer, SourceFile, Workspace, WorkspacePackage } from './workspace.ts';

/** Which layers a layer may import. An arrow more needs a decision record in docs/adr. */
const arrows: Readonly<Record<Layer, readonly Layer[]>> = {
  core: [],
  adapter: ['core'],
  platform: ['core', 'adapter'],
  service: ['core', 'adapter', 'platform'],
  testing: ['core', 'adapter'],
  tool: ['core', 'adapter', 'testing'],
  simulation: ['core', 'adapter', 'platform', 'service'],
};
/** Inside core: the pure libraries speak the words of contracts, nothing else. */
const coreRoot = '@plumbline/contracts';
/** Inside tool: the fault suite starts services as \`npm start\` does (docs/adr/0015). */
const toolRoot = '@plumbline/tools';

/** What a domain may import from outside: pure functions and schemas. */
const pureLibraries: ReadonlySet<string> = new Set(['zod', 'semver', 'picomatch']);
const bannedName = /(^|[-./])(utils?|common|shared|helpers?)([-.]|$)/;
const decoratorPlaces = [/^services\/[^/]+\/src\/(.+\/)?[^/]+\.(module|controller)\.ts$/, /^libs\/platform\/src\//];
const builtins: ReadonlySet<string> = new Set(builtinModules);

/** Everything in which the workspace differs from architecture.md ("The house") and conventions.md; empty when all is well. */
export function findViolations(workspace: Workspace): string[] {
  return workspace.packages.flatMap((pkg) => [
    ...(pkg.layer && pkg.layer in arrows ? [] : [`${pkg.folder}/package.json: needs one nx tag layer:${Object.keys(arrows).join('|')}`]),
    ...referenceViolations(pkg, workspace),
    ...pkg.files.flatMap((file) => [
      ...nameViolations(pkg, file),
      ...decoratorViolations(pkg, file),
      ...importsIn(file.text).flatMap((specifier) => {
        const complaint = importViolation(specifier, { pkg, file, workspace });
        return complaint ? [`${pkg.folder}/${file.path}: imports '${specifier}': ${complaint}`] : [];
      }),
    ]),
  ]);
}

interface Place {
  pkg: WorkspacePackage;
  file: SourceFile;
  workspace: Workspace;
}

function importViolation(specifier: string, place: Place): string | undefined {
  if (isInDomain(place.file)) {
    const complaint = domainViolation(specifier, place);
    if (complaint) return complaint;
  }
  if (specifier.startsWith('.')) return relativeViolation(specifier, place);
  if (specifier.startsWith('node:')) return undefined;
  if (builtins.has(specifier)) return 'write node: before built-in modules';
  return packageViolation(specifier, place);
}

function relativeViolation(specifier: string, { file }: Place): string | undefined {
  if (resolveRelative(file, specifier).startsWith('../')) return 'leaves its package; import by package name';
  if (!isTest(file) && isTest({ path: specifier })) return 'only tests import tests';
  return undefined;
}

function packageViolation(specifier: string, { pkg, file, workspace }: Place): string | undefined {
  const name = packageNameOf(specifier);
  const known = [...pkg.dependencies, ...(isTest(file) ? [...pkg.devDependencies, ...workspace.rootDevDependencies] : typesOf(pkg))];
  if (name !== pkg.name && !known.includes(name)) return `${name} is not in ${isTest(file) ? 'package.json' : 'dependencies of package.json'}`;
  const target = workspace.packages.find((candidate) => candidate.name === name);
  if (!target) return undefined;
  const subpath = `.${specifier.slice(name.length)}`;
  if (!target.exports.includes(subpath)) return `${name} does not export ${subpath}`;
  return arrowViolation(pkg, target, file);
}

function arrowViolation(from: WorkspacePackage, to: WorkspacePackage, file: SourceFile): string | undefined {
  if (from.name === to.name) return file.path.startsWith('src/') ? 'imports itself; use a relative path' : undefined;
  if (!from.layer || !to.layer) return undefined;
  if (arrows[from.layer].includes(to.layer)) return undefined;
  if (from.layer === 'core' && to.name === coreRoot) return undefined;
  if (from.layer === 'tool' && to.name === toolRoot) return undefined;
  if (isTest(file) && to.layer === 'testing') return undefined;
  return `no arrow goes from ${from.layer} to ${to.layer}`;
}

function domainViolation(specifier: string, { file, workspace }: Place): string | undefined {
  if (isTest(file)) return undefined;
  if (specifier.startsWith('.')) {
    const target = resolveRelative(file, specifier);
    return target.startsWith('src/domain/') || target === 'src/limits.ts' ? undefined : 'a domain is pure: it imports itself and src/limits.ts only';
  }
  const name = packageNameOf(specifier);
  const isCore = workspace.packages.some((pkg) => pkg.name === name && pkg.layer === 'core');
  return isCore || pureLibraries.has(name) ? undefined : 'a domain is pure: no framework, no node:, no adapter';
}

/** `tsc -b` builds in the order of the references: one that is missing works until somebody builds from nothing. */
function referenceViolations(pkg: WorkspacePackage, workspace: Workspace): string[] {
  const needed = workspace.packages.filter((other) => pkg.dependencies.includes(other.name)).map((other) => other.folder);
  return [
    ...needed.filter((folder) => !pkg.references.includes(folder)).map((folder) => `${pkg.folder}/tsconfig.json: a reference to ${folder} is missing`),
    ...pkg.references
      .filter((folder) => !needed.includes(folder))
      .map((folder) => `${pkg.folder}/tsconfig.json: refers to ${folder}, which is not a dependency`),
  ];
}

function nameViolations(pkg: WorkspacePackage, file: SourceFile): string[] {
  const where = `${pkg.folder}/${file.path}`;
  const violations: string[] = [];
  if (file.path.split('/').some((part) => bannedName.test(part)))
    violations.push(`${where}: name it after what it holds, not utils, common, shared or helpers`);
  if (posix.basename(file.path) === 'index.ts' && file.path !== 'src/index.ts')
    violations.push(`${where}: index.ts only as src/index.ts of a package (no barrels)`);
  if (file.path === 'src/index.ts') {
    const lines = /^\/\*\*\n([\s\S]*?)\n \*\/\n/.exec(file.text)?.[1]?.split('\n').length ?? 0;
    if (lines < 3 || lines > 15) violations.push(`${where}: opens with a comment of at most 15 lines: what the package is for and what it never does`);
  }
  return violations;
}

function decoratorViolations(pkg: WorkspacePackage, file: SourceFile): string[] {
  const where = `${pkg.folder}/${file.path}`;
  if (decoratorPlaces.some((place) => place.test(where))) return [];
  return decoratorsIn(withoutComments(file.text)).map(
    (decorator) => `${where}: ${decorator}: decorators only in *.module.ts, *.controller.ts and libs/platform`,
  );
}

/** Types of a library come from `@types/…` among devDependencies; importing the library itself still needs a dependency. */
function typesOf(pkg: WorkspacePackage): string[] {
  return pkg.devDependencies.filter((name) => name.startsWith('@types/') && !pkg.dependencies.includes(name.slice('@types/'.length)));
}

function isInDomain(file: SourceFile): boolean {
  return file.path.startsWith('src/domain/');
}

/** Tests, what they stand on, and the contract suites that several of them run. */
function isTest(file: { path: string }): boolean {
  return /\.(spec|e2e)\.ts$|(^|\/)(contract(\.ts$|\/)|fixture\/)/.test(file.path);
}

function resolveRelative(file: SourceFile, specifier: string): string {
  return posix.join(posix.dirname(file.path), specifier);
}

function packageNameOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
