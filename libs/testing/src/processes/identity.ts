import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A process, told apart from any later one that got the same pid. */
export interface ProcessIdentity {
  pid: number;
  /** When it started, in the system's own words: only ever compared. */
  startedAt: string;
  /** The program it runs. Empty where the system doesn't say. */
  program: string;
}

/** Undefined when there is no such process (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  return process.platform === 'linux' ? identifyByProc(pid) : identifyByPs(pid);
}

/** Whether that very process still runs. */
export async function isRunning(recorded: ProcessIdentity): Promise<boolean> {
  const now = await identify(recorded.pid);
  return now !== undefined && now.startedAt === recorded.startedAt && now.program === recorded.program;
}

/** Resident memory, or undefined when the process is gone. */
export async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    if (process.platform !== 'linux') return Number((await ps(pid, 'rss=')).trim()) * 1024;
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}

async function identifyByProc(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const [stat, boot] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile('/proc/sys/kernel/random/boot_id', 'utf8')]);
    // The second field is the command in parentheses and may itself hold spaces and parentheses (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
    return { pid, startedAt: `${boot.trim()} ${fields[19]}`, program: program.replace(/ \(deleted\)$/, '') };
  } catch {
    return undefined;
  }
}

async function identifyByPs(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const [startedAt, program] = await Promise.all([ps(pid, 'lstart='), ps(pid, 'comm=')]);
    return { pid, startedAt: startedAt.trim(), program: program.trim() };
  } catch {
    return undefined;
  }
}

async function ps(pid: number, column: string): Promise<string> {
  const { stdout } = await run('ps', ['-o', column, '-p', String(pid)], { env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
  return stdout;
}
