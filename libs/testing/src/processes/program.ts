import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, renameSync, rmSync, statSync } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { writeState } from '../state-files.ts';
import { identify } from './identity.ts';
import type { ProgramRecord } from './records.ts';
import { recordPath } from './records.ts';

export interface ProgramOptions {
  /** Names its log file and pid record; unique under the state directory. */
  name: string;
  command: string;
  args: readonly string[];
  /** Has `logs/` and `pids/`. */
  stateDir: string;
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  user?: { uid: number; gid: number };
  /** Default SIGTERM. */
  stopSignal?: NodeJS.Signals;
  /** Words to be left out of the error that quotes the log. */
  secrets?: readonly string[];
}

export interface RunningProgram {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Rejects with the end of its log when it ends without having been told to; resolves after `stop()`. */
  readonly ended: Promise<void>;
  /** Asks it to end, then makes it. Safe to call twice. */
  stop(): Promise<void>;
}

const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * Starts a long-running program in our process group: Ctrl-C reaches it too, and when this process exits it is killed.
 * Only a SIGKILL of this process leaves it behind; its record under `pids/` lets the next start find it
 * (`stopLeftovers`).
 */
export async function startProgram(options: ProgramOptions): Promise<RunningProgram> {
  const logFile = join(options.stateDir, 'logs', `${options.name}.log`);
  await mkdir(join(options.stateDir, 'logs'), { recursive: true });
  await mkdir(join(options.stateDir, 'pids'), { recursive: true });
  setAside(logFile);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: options.stateDir, LC_ALL: 'C', ...options.env },
    stdio: ['ignore', log, log],
    ...options.user,
  });
  closeSync(log);
  const exit = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  const { pid } = child;
  if (pid === undefined) {
    const cause = await exit.catch((error: unknown) => error);
    throw new AppError('failed-precondition', `${options.command} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
  alive.add(child);
  await writeRecord(options, pid);
  return supervise(options, child, { pid, logFile, exit });
}

function supervise(options: ProgramOptions, child: ChildProcess, facts: { pid: number; logFile: string; exit: Promise<string> }): RunningProgram {
  let stopping: Promise<void> | undefined;
  const ended = facts.exit.then(async (how) => {
    alive.delete(child);
    await rm(recordPath(options.stateDir, options.name), { force: true });
    if (stopping !== undefined) return;
    const tail = await logTail(facts.logFile, options.secrets);
    throw new AppError('unavailable', `${options.name} ended by ${how}. The end of ${facts.logFile}:\n${tail}`);
  });
  // Whoever wants to know awaits `ended`; nobody has to.
  ended.catch(() => undefined);
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(options.stopSignal ?? 'SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), limits.stopGraceMs);
    await facts.exit;
    clearTimeout(kill);
  };
  return {
    name: options.name,
    pid: facts.pid,
    logFile: facts.logFile,
    ended,
    stop: () =>
      (stopping ??= stop()
        .then(() => ended)
        .catch(() => undefined)),
  };
}

async function writeRecord(options: ProgramOptions, pid: number): Promise<void> {
  const [program, owner] = await Promise.all([identify(pid), identify(process.pid)]);
  // Already gone again: `ended` tells, and there is nothing to find later.
  if (program === undefined || owner === undefined) return;
  const record: ProgramRecord = { name: options.name, program, owner, stopSignal: options.stopSignal ?? 'SIGTERM' };
  await writeState(recordPath(options.stateDir, options.name), `${JSON.stringify(record)}\n`);
}

function setAside(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size < limits.logSizeBytesMax) return;
  rmSync(`${logFile}.1`, { force: true });
  renameSync(logFile, `${logFile}.1`);
}

/** The end of a log, for a person to read. */
export async function logTail(path: string, secrets: readonly string[] = []): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, limits.logTailBytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return secrets.reduce((text, secret) => text.replaceAll(secret, '***'), buffer.toString('utf8')).trimEnd();
  } finally {
    await file.close();
  }
}
