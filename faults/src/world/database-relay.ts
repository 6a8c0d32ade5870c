import { createServer, connect, type Server, type Socket } from 'node:net';
import type { Random } from '../random.ts';

/** Between the services and PostgreSQL: a wire that can be cut, also just after a COMMIT went through. */
export interface DatabaseRelay {
  /** `target` with this relay's port. */
  url: string;
  /**
   * From now on a connection is cut right after a statement that commits was passed on, with this probability: the
   * server carries it out, the client never hears of it. 0 = never.
   */
  cutAfterCommit(probability: number, random: Random): void;
  /** How many were cut so since the last call. */
  takeCuts(): number;
  /** Nothing more goes through the connections of now, and nobody is told, as after a firewall that forgot them. New ones work. Answers how many. */
  silenceAll(): number;
  /** Ends every connection now; new ones are taken. */
  cutAll(): number;
  close(): Promise<void>;
}

/** A simple query COMMIT, or the log's append function outside a transaction, by its text or the name it was prepared under. */
const committing = /Q[\s\S]{4}commit\0|log\.append|plumbline append/i;

export async function makeDatabaseRelay(target: string): Promise<DatabaseRelay> {
  const { hostname, port } = new URL(target);
  const clients = new Set<Socket>();
  const silent = new WeakSet<Socket>();
  let probability = 0;
  let random: Random | undefined;
  let cuts = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    clients.add(client);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        clients.delete(client);
        // What was passed on is still to be carried out.
        if (socket === client) upstream.end();
        else other.destroy();
      });
    }
    client.on('data', (chunk) => {
      if (silent.has(client)) return;
      upstream.write(chunk);
      if (probability === 0 || !committing.test(chunk.toString('latin1')) || random?.chance(probability) !== true) return;
      cuts++;
      client.destroy();
    });
    upstream.on('data', (chunk) => silent.has(client) || client.write(chunk));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const listening = server.address() as { port: number };
  const url = new URL(target);
  url.port = String(listening.port);
  return {
    url: url.href,
    cutAfterCommit(wanted, source) {
      probability = wanted;
      random = source;
    },
    takeCuts() {
      const taken = cuts;
      cuts = 0;
      return taken;
    },
    silenceAll() {
      for (const client of clients) silent.add(client);
      return clients.size;
    },
    cutAll() {
      const { size } = clients;
      for (const client of clients) client.destroy();
      return size;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of clients) client.destroy();
      }),
  };
}
