import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { GoProgramSet } from './go-programs.ts';
import { buildGoPrograms } from './go-programs.ts';

const run = promisify(execFile);

let dir: string;
let set: GoProgramSet;
let env: NodeJS.ProcessEnv;

const source = (word: string): string => `package main\n\nvar version = "dev"\n\nfunc main() { print("${word} ", version) }\n`;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumbline-go-'));
  await writeFile(join(dir, 'go.mod'), 'module example.org/hello\n\ngo 1.26\n');
  await writeFile(join(dir, 'main.go'), source('hello'));
  set = { name: 'hello', version: 'v1', moduleDir: dir, programs: { hello: '.' }, ldflags: ['-X main.version=v1'], label: 'a greeting' };
  env = { ...process.env, XDG_CACHE_HOME: join(dir, 'cache') };
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const said = async (built: string): Promise<string> => (await run(join(built, 'hello'))).stderr;

it('builds once, however many ask, and again when the source changes', async () => {
  const lines: string[] = [];
  const progress = (line: string): number => lines.push(line);
  const [first, second] = await Promise.all([buildGoPrograms(set, { env, progress }), buildGoPrograms(set, { env, progress })]);
  expect(second).toBe(first);
  expect(await said(first)).toBe('hello v1');
  expect(lines.filter((line) => line.startsWith('built'))).toHaveLength(1);

  expect(await buildGoPrograms(set, { env: { XDG_CACHE_HOME: env['XDG_CACHE_HOME'] } })).toBe(first);
  await writeFile(join(dir, 'main.go'), source('bye'));
  const changed = await buildGoPrograms(set, { env });
  expect(await said(changed)).toBe('bye v1');
  expect(await said(first)).toBe('hello v1');
});

it('says what is wrong with the source, and leaves nothing half-built', async () => {
  await writeFile(join(dir, 'main.go'), 'package main\n\nfunc main() { undefinedName() }\n');
  await expect(buildGoPrograms(set, { env })).rejects.toThrow(/main\.go:3:15: undefined: undefinedName/);
  expect(await readdir(join(dir, 'cache/plumbline'))).toEqual([]);
});

it('takes over the lock of a builder that died', async () => {
  const built = await buildGoPrograms(set, { env });
  await rm(built, { recursive: true });
  await writeFile(`${built}.lock`, JSON.stringify({ pid: process.pid, startedAt: 'long ago', program: '' }));
  expect(await buildGoPrograms(set, { env })).toBe(built);
});

it.each([
  ['is missing', undefined, /"go" was not found.*1\.26/],
  ['is too old', '#!/bin/sh\necho go1.19.8\n', /go1\.19\.8.*1\.26/],
])('says so when Go %s', async (_, fake, message) => {
  const bin = await mkdtemp(join(dir, 'bin-'));
  if (fake !== undefined) await writeFile(join(bin, 'go'), fake, { mode: 0o755 });
  await expect(buildGoPrograms(set, { env: { ...env, PATH: bin } })).rejects.toThrow(message);
});
