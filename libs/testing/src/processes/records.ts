import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { readIfThere } from '../state-files.ts';
import type { ProcessIdentity } from './identity.ts';
import { isRunning, residentBytes } from './identity.ts';
import { poll } from './poll.ts';

/** What `startProgram` notes about each program, under `<stateDir>/pids/`. */
export interface ProgramRecord {
  name: string;
  program: ProcessIdentity;
  /** The process that started it and stops it. */
  owner: ProcessIdentity;
  stopSignal: NodeJS.Signals;
}

export interface ProgramState {
  name: string;
  pid: number;
  rssBytes: number;
}

export const recordPath = (stateDir: string, name: string): string => join(stateDir, 'pids', `${name}.json`);

/** The programs that run under a state directory, from any process: what `npm run status` shows. */
export async function runningPrograms(stateDir: string): Promise<ProgramState[]> {
  const states: ProgramState[] = [];
  for (const { name, program } of await readRecords(stateDir)) {
    const rssBytes = (await isRunning(program)) ? await residentBytes(program.pid) : undefined;
    if (rssBytes !== undefined) states.push({ name, pid: program.pid, rssBytes });
  }
  return states;
}

/**
 * Ends what an earlier owner of this state directory left behind because it was killed. Only processes that are provably
 * those: same pid, start time and program. Throws `failed-precondition` while that owner still runs.
 */
export async function stopLeftovers(stateDir: string): Promise<string[]> {
  const stopped: string[] = [];
  for (const { name, program, owner, stopSignal } of await readRecords(stateDir)) {
    if (await isRunning(program)) {
      if (await isRunning(owner)) {
        throw new AppError(
          'failed-precondition',
          `${name} (process ${program.pid}) already runs in ${stateDir}, started by process ${owner.pid}. Stop that one first, or use another state directory.`,
        );
      }
      await end(program, stopSignal);
      stopped.push(name);
    }
    await rm(recordPath(stateDir, name), { force: true });
  }
  return stopped;
}

async function end(program: ProcessIdentity, signal: NodeJS.Signals): Promise<void> {
  process.kill(program.pid, signal);
  const gone = async (): Promise<boolean> => !(await isRunning(program));
  await poll(gone, { what: `the end of process ${program.pid}`, timeoutMs: limits.stopGraceMs }).catch(async () => {
    process.kill(program.pid, 'SIGKILL');
    await poll(gone, { what: `the end of process ${program.pid}`, timeoutMs: limits.stopGraceMs });
  });
}

async function readRecords(stateDir: string): Promise<ProgramRecord[]> {
  const files = await readdir(join(stateDir, 'pids')).catch(() => [] as string[]);
  const texts = await Promise.all(files.filter((file) => file.endsWith('.json')).map((file) => readIfThere(join(stateDir, 'pids', file))));
  return texts.filter((text) => text !== undefined).map((text) => JSON.parse(text) as ProgramRecord);
}
