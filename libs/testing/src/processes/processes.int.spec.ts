import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { identify } from './identity.ts';
import { poll } from './poll.ts';
import type { RunningProgram } from './program.ts';
import { startProgram } from './program.ts';
import { recordPath, runningPrograms, stopLeftovers } from './records.ts';

let stateDir: string;
const running: RunningProgram[] = [];

async function start(command: string, ...args: string[]): Promise<RunningProgram> {
  const program = await startProgram({ name: 'program', command, args, stateDir, secrets: ['hidden-word'] });
  running.push(program);
  return program;
}

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'plumbline-processes-'));
});

afterEach(async () => {
  for (const program of running.splice(0)) await program.stop();
  await rm(stateDir, { recursive: true, force: true });
});

it('is listed with its memory while it runs, and gone after stop', async () => {
  const program = await start('sleep', '1000');
  expect(await runningPrograms(stateDir)).toEqual([{ name: 'program', pid: program.pid, rssBytes: expect.any(Number) }]);
  await program.stop();
  await expect(program.ended).resolves.toBeUndefined();
  expect(await identify(program.pid)).toBeUndefined();
  expect(await runningPrograms(stateDir)).toEqual([]);
});

it('tells how it ended by itself, with the end of its log and without secrets', async () => {
  const program = await start('sh', '-c', 'echo the port is taken hidden-word; exit 3');
  await expect(program.ended).rejects.toThrow(/exit code 3[^]*the port is taken \*\*\*/);
});

it('says what could not be started', async () => {
  await expect(start('/nonexistent/program')).rejects.toMatchObject({ code: 'failed-precondition', message: expect.stringContaining('/nonexistent/program') });
});

it('is refused to a second owner while the first one runs', async () => {
  await start('sleep', '1000');
  await expect(stopLeftovers(stateDir)).rejects.toThrow(/already runs/);
});

it('is ended by the next start when its owner was killed', async () => {
  const module = fileURLToPath(new URL('program.ts', import.meta.url));
  const script = `const { startProgram } = await import(${JSON.stringify(module)});
    const program = await startProgram({ name: 'program', command: 'sleep', args: ['1000'], stateDir: ${JSON.stringify(stateDir)} });
    console.log(program.pid);`;
  const owner = spawn(process.execPath, ['--conditions=@plumbline/source', '--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const pid = Number(String(line));
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  expect(await identify(pid)).toBeDefined();

  expect(await stopLeftovers(stateDir)).toEqual(['program']);
  await poll(async () => (await identify(pid)) === undefined, { what: 'its end', timeoutMs: 5_000 });
});

it('is left alone when it only has the pid of a recorded one', async () => {
  const program = await start('sleep', '1000');
  const path = recordPath(stateDir, 'program');
  const record = JSON.parse(await readFile(path, 'utf8')) as { program: { startedAt: string }; owner: { startedAt: string } };
  record.program.startedAt = 'another time';
  record.owner.startedAt = 'another time';
  await writeFile(path, JSON.stringify(record));
  expect(await stopLeftovers(stateDir)).toEqual([]);
  expect(await identify(program.pid)).toBeDefined();
  await expect(stat(path)).rejects.toThrow('ENOENT');
});
