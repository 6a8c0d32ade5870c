import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../limits.ts';
import { readIfThere } from '../state-files.ts';
import type { ProcessIdentity } from './identity.ts';
import { identify, isRunning } from './identity.ts';

/** Runs `work` while no other process does so under the same lock file. The lock of a process that died is taken over. */
export async function withBuildLock<T>(path: string, work: () => Promise<T>, waiting: () => void): Promise<T> {
  const us = JSON.stringify(await identify(process.pid));
  let hasToldToWait = false;
  while (!(await take(path, us))) {
    if (!hasToldToWait) waiting();
    hasToldToWait = true;
    await sleep(limits.buildLockPollMs);
    if (await isAbandoned(path)) await rm(path, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string, owner: string): Promise<boolean> {
  try {
    await writeFile(path, owner, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const text = await readIfThere(path);
  // Empty: taken this very moment, or by a process that died between two system calls; the next look tells.
  if (text === undefined || text === '') return false;
  return !(await isRunning(JSON.parse(text) as ProcessIdentity));
}
