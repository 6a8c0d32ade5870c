import { benchAppend } from './append.ts';
import { benchDelivery } from './delivery.ts';
import { benchReplay } from './replay.ts';
import { withServers, type LogServers } from './servers.ts';

/** In this order, on the same database. */
const parts: ((servers: LogServers) => Promise<void>)[] = [
  ({ databaseUrl }) => benchAppend(databaseUrl),
  ({ databaseUrl }) => benchReplay(databaseUrl),
  ({ databaseUrl, natsUrl }) => benchDelivery(databaseUrl, natsUrl),
];

/** The log on its own, without the platform. */
export const benchLog = (): Promise<void> =>
  withServers(async (servers) => {
    for (const part of parts) await part(servers);
  });
