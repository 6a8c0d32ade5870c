import type { Server, Socket } from 'node:net';
import { createServer, connect as dial } from 'node:net';

/** A TCP relay in front of a real server, so that a test can unplug it. */
export interface Relay {
  /** The port it listens on: any free one, or the one that it had before. */
  listen(port?: number): Promise<number>;
  /** Ends all connections and takes no new ones. */
  cut(): Promise<void>;
  /** From now on nothing passes on the connections that are open, and nobody is told; new ones work. */
  silence(): void;
}

/** `target` is a URL; `defaultPort` is used where it names none. */
export function makeRelay(target: string, defaultPort: number): Relay {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  let server: Server;
  return {
    listen: (port = 0) =>
      new Promise((resolve) => {
        server = createServer((client) => {
          const upstream = dial(targetPort === '' ? defaultPort : Number(targetPort), hostname);
          for (const [socket, other] of [
            [client, upstream],
            [upstream, client],
          ] as const) {
            sockets.add(socket);
            socket.on('error', () => socket.destroy());
            socket.on('close', () => {
              sockets.delete(socket);
              // A pipe passes on the end of a stream, not that a connection broke.
              if (!silenced.has(other)) other.destroy();
            });
          }
          client.pipe(upstream).pipe(client);
        }).listen(port, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      }),
    silence() {
      for (const socket of sockets) {
        silenced.add(socket);
        socket.unpipe();
        socket.pause();
      }
    },
    cut: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
