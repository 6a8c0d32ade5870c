import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { limits } from './limits.ts';
import type { SupervisorMessage, SupervisorRequest } from './messages.ts';
import type { PlatformOptions } from './options.ts';
import { checkoutRoot, pathsOf } from './paths.ts';

export interface BackgroundSupervisor {
  /** Resolves when the platform is ready; rejects with what is to be shown when it cannot be. */
  ready: Promise<string>;
  /** Exit code of the supervisor. */
  ended: Promise<number>;
  ask(request: SupervisorRequest): void;
  /** Lets it go on alone. */
  detach(): void;
}

/**
 * Starts the supervisor in a session of its own, so that Ctrl-C in the terminal reaches only the command that started
 * it and everything else can be stopped in order. When that command dies without a word, the supervisor stops as well.
 */
export function startSupervisor(options: PlatformOptions, progress: (line: string) => void): BackgroundSupervisor {
  const child = spawnSupervisor(options);
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  ready.catch(() => undefined);
  child.on('message', (message: SupervisorMessage) => {
    if (message.type === 'progress') progress(message.line);
    else if (message.type === 'ready') resolve(message.summary);
    else reject(new Error(message.message));
  });
  const ended = new Promise<number>((resolveEnd) => {
    child.once('exit', (code, signal) => {
      reject(new Error(`The supervisor ended (${signal ?? `exit code ${code}`}):\n${tailOf(pathsOf(options.stateDir).supervisorLog)}`));
      resolveEnd(code ?? 1);
    });
  });
  return {
    ready,
    ended,
    ask: (request) => {
      if (child.connected) child.send(request);
    },
    detach: () => {
      child.disconnect();
      child.unref();
    },
  };
}

function spawnSupervisor(options: PlatformOptions): ChildProcess {
  const { supervisorLog } = pathsOf(options.stateDir);
  const log = openFreshLog(supervisorLog);
  const child = spawn(
    process.execPath,
    ['--conditions=@plumbline/source', '--disable-warning=ExperimentalWarning', join(checkoutRoot, 'tools/src/platform/supervise.ts'), JSON.stringify(options)],
    { cwd: checkoutRoot, detached: true, stdio: ['ignore', log, log, 'ipc'] },
  );
  closeSync(log);
  return child;
}

/** One older generation of each log is kept. */
export function rotateLog(file: string): void {
  mkdirSync(dirname(dirname(file)), { recursive: true, mode: 0o711 });
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (existsSync(file)) renameSync(file, `${file}.1`);
}

function openFreshLog(file: string): number {
  rotateLog(file);
  return openSync(file, 'a', 0o600);
}

/** The last lines of a log, for an error message. */
export function tailOf(file: string): string {
  if (!existsSync(file)) return '';
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-limits.logTailLines).join('\n');
}
