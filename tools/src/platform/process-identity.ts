import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A process id alone proves nothing: ids are used again. With the time of its start it names one process. */
export interface ProcessIdentity {
  pid: number;
  /** Opaque: equal for the same process only, also across restarts of the machine. */
  started: string;
}

/** Undefined when there is no such process (any more). */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started;
}

/** False when it had already gone. */
export function signal(identity: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    return process.kill(identity.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function startedOnLinux(pid: number): string | undefined {
  const stat = readIfAllowed(`/proc/${pid}/stat`);
  // After the name in brackets, which may contain anything: state is field 3, the start in clock ticks field 22.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (!fields || fields[0] === 'Z') return undefined;
  return `${fields[19]}@${readIfAllowed('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}`;
}

function startedByPs(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Processes end while one looks at them, and those of other users are not ours to read. */
function readIfAllowed(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Resident memory; undefined when the process is gone. */
export function residentBytes(pid: number): number | undefined {
  if (process.platform === 'linux') {
    const pages = readIfAllowed(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
    return pages === undefined ? undefined : Number(pages) * 1024;
  }
  try {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
  } catch {
    return undefined;
  }
}
