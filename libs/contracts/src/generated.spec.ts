import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const packageDir = join(import.meta.dirname, '..');
const filesOf = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) => {
      const path = join(entry.parentPath, entry.name);
      return entry.isFile() ? [[path.slice(dir.length + 1), readFileSync(path, 'utf8')]] : [];
    }),
  );

it('the generated code is what the .proto files say: `npm run generate -w @plumbline/contracts`', () => {
  const out = mkdtempSync(join(tmpdir(), 'generated-'));
  try {
    execFileSync('npx', ['--no-install', 'buf', 'generate', '--output', out], { cwd: packageDir, stdio: 'pipe' });
    const fresh = filesOf(join(out, 'src/generated'));
    expect(Object.keys(fresh).length).toBeGreaterThan(0);
    expect(fresh).toEqual(filesOf(join(packageDir, 'src/generated')));
  } finally {
    rmSync(out, { recursive: true });
  }
});
