import { expect, it } from 'vitest';

import { keepRunning, type Server } from './keep-running.ts';

interface Running {
  number: number;
  die(): void;
  ended: Promise<string | undefined>;
}

/** A server that lives and dies at a word; it remembers what was done to it. */
function makeServer(): { server: Server<Running>; started: Running[]; stopped: number[] } {
  const started: Running[] = [];
  const stopped: number[] = [];
  const server: Server<Running> = {
    name: 'NATS',
    start: () => {
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      const running = { number: started.length + 1, ended: promise, die: () => resolve('signal SIGKILL') };
      started.push(running);
      return Promise.resolve(running);
    },
    ended: (running, signal) =>
      Promise.race([running.ended, new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }))]),
    stop: ({ number }) => {
      stopped.push(number);
      return Promise.resolve();
    },
  };
  return { server, started, stopped };
}

it('starts a server again when it dies, and not after it was told to stop', async () => {
  const { server, started, stopped } = makeServer();
  const told: string[] = [];
  const kept = await keepRunning(server, (line) => told.push(line));
  kept.current().die();
  await expect.poll(() => kept.current().number).toBe(2);
  expect(told).toEqual(['NATS ended (signal SIGKILL); it is started again.']);
  await kept.stop();
  expect(started).toHaveLength(2);
  expect(stopped).toEqual([1, 2]);
});

it('passes on why the first start failed', async () => {
  const { server } = makeServer();
  const broken = { ...server, start: () => Promise.reject(new Error('no such program')) };
  await expect(keepRunning(broken, () => undefined)).rejects.toThrow('no such program');
});
