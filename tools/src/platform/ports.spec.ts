import { once } from 'node:events';
import { createServer } from 'node:net';

import { expect, it } from 'vitest';

import { chooseApiPort, freePorts } from './ports.ts';

it('refuses a port that was asked for and is taken', async () => {
  const [port = 0] = await freePorts(1);
  expect(await chooseApiPort(port, () => undefined)).toBe(port);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  await expect(chooseApiPort(port, () => undefined)).rejects.toThrow(`Port ${port} is taken`);
  server.close();
});

it('finds distinct ports', async () => {
  expect(new Set(await freePorts(6)).size).toBe(6);
});
