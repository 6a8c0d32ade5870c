import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { checkoutRoot } from '../platform/paths.ts';

/** Where a package stands in the house (architecture.md): arrows go down only. Taken from its `layer:` nx tag. */
export type Layer = 'core' | 'adapter' | 'platform' | 'service' | 'testing' | 'tool' | 'simulation';

export interface SourceFile {
  /** Relative to the package, with forward slashes: `src/domain/decide.ts`. */
  path: string;
  text: string;
}

export interface WorkspacePackage {
  name: string;
  /** Relative to the root of the checkout: `libs/contracts`. */
  folder: string;
  layer: Layer | undefined;
  dependencies: readonly string[];
  devDependencies: readonly string[];
  /** Subpaths that other packages may import: `.` and what else `exports` lists. */
  exports: readonly string[];
  /** Folders of the packages that its tsconfig refers to, relative to the root. */
  references: readonly string[];
  files: readonly SourceFile[];
}

interface Manifest {
  name: string;
  nx?: { tags?: string[] };
  exports?: Record<string, unknown>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

export interface Workspace {
  packages: readonly WorkspacePackage[];
  /** devDependencies of the root: what every test may import. */
  rootDevDependencies: readonly string[];
}

const sourceFiles = '**/*.{ts,tsx,mts}';
const ignoredFolders = new Set(['node_modules', 'dist', 'generated']);

/** Reads every package of the npm workspaces with its TypeScript sources (a few hundred small files). */
export function readWorkspace(root: string = checkoutRoot): Workspace {
  const manifest = readJson<{ workspaces: string[]; devDependencies?: Record<string, string> }>(join(root, 'package.json'));
  const folders = globSync(
    manifest.workspaces.map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  );
  const packages = folders.map((file) => readPackage(root, file.replaceAll('\\', '/').replace(/\/package\.json$/, '')));
  return { packages: packages.toSorted((a, b) => (a.name < b.name ? -1 : 1)), rootDevDependencies: Object.keys(manifest.devDependencies ?? {}) };
}

function readPackage(root: string, folder: string): WorkspacePackage {
  const manifest = readJson<Manifest>(join(root, folder, 'package.json'));
  const paths = globSync(sourceFiles, { cwd: join(root, folder), exclude: (name) => ignoredFolders.has(basename(name)) });
  return {
    name: manifest.name,
    folder,
    layer: manifest.nx?.tags?.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length) as Layer | undefined,
    dependencies: Object.keys(manifest.dependencies ?? {}),
    devDependencies: Object.keys(manifest.devDependencies ?? {}),
    exports: Object.keys(manifest.exports ?? {}),
    references: readReferences(root, folder),
    files: paths.toSorted().map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(join(root, folder, path), 'utf8') })),
  };
}

function readReferences(root: string, folder: string): string[] {
  const { references = [] } = readJson<{ references?: { path: string }[] }>(join(root, folder, 'tsconfig.json'));
  return references.map(({ path }) => join(folder, path).replaceAll('\\', '/'));
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}
