import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, it } from 'vitest';

import { identify, isAlive, residentBytes, signal } from './process-identity.ts';

it('knows this process, and no process that has this id with another start', () => {
  const self = identify(process.pid);
  expect(self && isAlive(self)).toBe(true);
  expect(isAlive({ pid: process.pid, started: 'long ago' })).toBe(false);
  expect(residentBytes(process.pid)).toBeGreaterThan(1_000_000);
});

it('signals that very process, and says when it is gone', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const identity = identify(child.pid ?? 0);
  if (!identity) throw new Error('the child has no identity');
  expect(signal({ ...identity, started: 'long ago' }, 'SIGKILL')).toBe(false);
  expect(signal(identity, 'SIGTERM')).toBe(true);
  expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  expect(isAlive(identity)).toBe(false);
  expect(signal(identity, 'SIGTERM')).toBe(false);
});
