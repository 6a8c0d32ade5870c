/** The supervisor: started in the background by `npm start` with its options as one JSON argument, and by nothing else. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { limits } from './limits.ts';
import type { SupervisorMessage, SupervisorRequest } from './messages.ts';
import type { PlatformOptions } from './options.ts';
import { pathsOf } from './paths.ts';
import { startPlatform } from './platform.ts';

const options = JSON.parse(process.argv[2] ?? '') as PlatformOptions;
const resources = new AsyncDisposableStack();
const stopping = new AbortController();
let isReady = false;
let ending: Promise<void> | undefined;

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end(0));
process.on('message', (request: SupervisorRequest) => {
  if (request === 'stop') void end(0);
  else kill();
});
process.on('disconnect', () => {
  // Of the command in front of us: it let us go, or it died.
  if (!isReady || !options.detach) void end(0);
});

try {
  const summary = await startPlatform(options, { tell, resources, stopped: stopping.signal });
  isReady = true;
  if (!stopping.signal.aborted) send({ type: 'ready', summary });
} catch (error) {
  if (!stopping.signal.aborted) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(error);
    send({ type: 'failed', message });
    await end(1);
  }
}

async function end(code: number): Promise<void> {
  ending ??= (async () => {
    stopping.abort();
    const orderly = resources.disposeAsync().catch((error: unknown) => console.error(error));
    await Promise.race([orderly, sleep(limits.stopMs)]);
    rmSync(pathsOf(options.stateDir).stateFile, { force: true });
    if (!isReady) endGroup('SIGTERM');
    process.exit(code);
  })();
  await ending;
}

function kill(): void {
  rmSync(pathsOf(options.stateDir).stateFile, { force: true });
  endGroup('SIGKILL');
}

/** This process leads a group of its own: builds that were under way and servers that were just starting are in it. */
function endGroup(signal: NodeJS.Signals): void {
  try {
    process.kill(-process.pid, signal);
  } catch (error) {
    console.error(error);
  }
}

function tell(line: string): void {
  console.log(`${new Date().toISOString()} ${line}`);
  send({ type: 'progress', line });
}

function send(message: SupervisorMessage): void {
  // The listener of `disconnect` deals with a command that is gone.
  if (process.connected) process.send?.(message, () => undefined);
}
