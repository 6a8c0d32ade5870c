import { createServer } from 'node:net';
import { join } from 'node:path';
import { readIfThere, writeState } from './state-files.ts';

/** A TCP port of 127.0.0.1 that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

/**
 * The port that this name had last time (`<stateDir>/<name>.port`), so that addresses stay valid over restarts; another
 * one when somebody took it meanwhile.
 */
export async function rememberedPort(stateDir: string, name: string): Promise<number> {
  const path = join(stateDir, `${name}.port`);
  const known = Number(await readIfThere(path));
  if (known > 0) {
    const isStillFree = await listenOnce(known).then(
      () => true,
      () => false,
    );
    if (isStillFree) return known;
  }
  const port = await freePort();
  await writeState(path, `${port}\n`);
  return port;
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address !== null ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}
