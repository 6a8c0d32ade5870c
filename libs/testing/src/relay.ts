import type { Server, Socket } from 'node:net';
import { createServer, connect as dial } from 'node:net';

/** A TCP relay in front of a real server, so that a test can unplug it. */
export interface Relay {
  /** The port it listens on: any free one, or the one that it had before. */
  listen(port?: number): Promise<number>;
  /** What is open now says nothing any more and is not ended, as after a silent firewall; what comes is new. */
  silence(): void;
  /** Ends all connections and takes no new ones. */
  cut(): Promise<void>;
}

/** `target` is a URL; `defaultPort` is used where it names none. */
export function makeRelay(target: string, defaultPort: number): Relay {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  let server: Server;
  return {
    listen: (port = 0) =>
      new Promise((resolve) => {
        server = createServer((client) => {
          const upstream = dial(targetPort === '' ? defaultPort : Number(targetPort), hostname);
          for (const socket of [client, upstream]) {
            sockets.add(socket);
            socket.on('error', () => socket.destroy());
            socket.on('close', () => sockets.delete(socket));
          }
          client.pipe(upstream).pipe(client);
        }).listen(port, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      }),
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    cut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
