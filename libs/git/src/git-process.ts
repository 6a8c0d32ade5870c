import { spawn } from 'node:child_process';
import { pipeline } from 'node:stream/promises';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';

export interface GitRun {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  timeoutMs: number;
  outputBytesMax: number;
  /** Its standard input. When it fails, the child is ended and the failure is thrown. */
  input?: AsyncIterable<Buffer>;
  /** Ends the child: nobody wants the answer any more. */
  signal?: AbortSignal;
}

/** How a child ended. `stderr` is cut at `limits.errorOutputBytesMax`. */
export interface GitResult {
  exitCode: number;
  stdout: Buffer;
  stderr: string;
}

/**
 * One git child with a time and an output limit. It runs in a process group of its own without a terminal, so that a
 * kill reaches git's transport helpers too and nothing can ask a person anything.
 *
 * Not through simple-git: that waits 50 ms for the output of a command that says nothing, and limits neither the whole
 * time nor the output.
 *
 * @throws AppError `unavailable` (aborted), `deadline-exceeded`, `too-large`, `internal` (git is not installed)
 */
export function runGit(run: GitRun): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn('git', run.args, {
      env: run.env,
      cwd: run.env['GIT_DIR'],
      stdio: [run.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let stdoutBytes = 0;
    let stderrBytes = 0;
    let failure: Error | undefined;
    let killTimer: NodeJS.Timeout | undefined;

    const end = (error: Error): void => {
      if (failure !== undefined) return;
      failure = error;
      killGroup(child.pid, 'SIGTERM');
      killTimer = setTimeout(() => killGroup(child.pid, 'SIGKILL'), limits.killAfterMs);
    };
    const timer = setTimeout(() => {
      end(new AppError('deadline-exceeded', `git ${run.args[0]} took longer than ${run.timeoutMs / 1000} s and was stopped`, { retry: 'later' }));
    }, run.timeoutMs);

    const abort = (): void => end(new AppError('unavailable', `git ${run.args[0]} was stopped`, { retry: 'later' }));
    if (run.signal?.aborted === true) abort();
    run.signal?.addEventListener('abort', abort, { once: true });

    // A child that ends before it has read everything tells by its exit code.
    if (run.input !== undefined) pipeline(run.input, child.stdin!).catch((error: Error) => isBrokenPipe(error) || end(error));
    child.stdout!.on('data', (chunk: Buffer) => {
      stdoutBytes += chunk.length;
      if (stdoutBytes <= run.outputBytesMax) stdout.push(chunk);
      else end(new AppError('too-large', `git ${run.args[0]} answered more than ${run.outputBytesMax} bytes and was stopped`));
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      if (stderrBytes < limits.errorOutputBytesMax) stderr.push(chunk);
      stderrBytes += chunk.length;
    });
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new AppError('internal', `git can't be started: ${cause.message}; install git and put it on PATH`, { retry: 'later', cause }));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      run.signal?.removeEventListener('abort', abort);
      if (failure === undefined)
        resolve({ exitCode: code ?? -1, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString('utf8', 0, limits.errorOutputBytesMax) });
      else reject(failure);
    });
  });
}

const isBrokenPipe = (error: Error): boolean => 'code' in error && (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE');

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended by itself.
  }
}
