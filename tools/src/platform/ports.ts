import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { AppError } from '@plumbline/contracts';

import { limits } from './limits.ts';

const defaultApiPort = 8080;

/** The port that the api gets: the one asked for or nothing; without a wish 8080 or the next free one, with a notice. */
export async function chooseApiPort(wanted: number | undefined, tell: (line: string) => void): Promise<number> {
  if (wanted !== undefined) {
    // A process that was just ended may hold it a moment longer.
    for (let tries = 0; tries < limits.portTriesMax; tries++) {
      if (await isFree(wanted)) return wanted;
      await sleep(limits.portPauseMs);
    }
    throw new AppError(
      'failed-precondition',
      `Port ${wanted} is taken by another program. Choose another with --port, or leave it out to get the next free one.`,
    );
  }
  for (let port = defaultApiPort; port < defaultApiPort + limits.portsTriedMax; port++) {
    if (!(await isFree(port))) continue;
    if (port !== defaultApiPort) tell(`Port ${defaultApiPort} is taken by another program; the api gets ${port}.`);
    return port;
  }
  throw new AppError('failed-precondition', `Ports ${defaultApiPort} to ${defaultApiPort + limits.portsTriedMax - 1} are all taken. Choose one with --port.`);
}

/** Distinct free ports of the loopback interface: all are held until the last one is known. */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, () => hold(0)));
  const ports = held.map(({ port }) => port);
  await Promise.all(held.map(({ release }) => release()));
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  try {
    await (await hold(port)).release();
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE' || code === 'EACCES') return false;
    throw error;
  }
}

function hold(port: number): Promise<{ port: number; release: () => Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const held = typeof address === 'object' && address ? address.port : port;
      resolve({ port: held, release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
