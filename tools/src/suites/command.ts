import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { checkoutRoot } from '../platform/paths.ts';

export interface CommandResult {
  code: number | null;
  /** stdout and stderr as they came. */
  output: string;
  stdout: string;
  durationMs: number;
}

/** What is collected is shown indented later, or lies in a log of CI. */
const plainText: NodeJS.ProcessEnv = process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined };

const running = new Set<ReturnType<typeof spawn>>();

/** Runs a command in the checkout (or `cwd`) and collects what it says. */
export async function runCommand(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<CommandResult> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd: options.cwd ?? checkoutRoot,
    env: { ...(options.env ?? process.env), ...plainText },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let output = '';
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve) => {
    const end = (code: number | null): void => {
      running.delete(child);
      resolve({ code, output, stdout, durationMs: performance.now() - startedAt });
    };
    child.once('error', (error) => {
      output += `${command} could not be started: ${error.message}`;
      end(null);
    });
    child.once('close', end);
  });
}

/** Ends what still runs, when the person interrupts. */
export function killRunningCommands(): void {
  for (const child of running) child.kill('SIGTERM');
}

/** A program of node_modules/.bin. */
export function bin(name: string): string {
  return join(checkoutRoot, 'node_modules', '.bin', name);
}
