import { createHmac } from 'node:crypto';

/** Everyone who talks over NATS. Each is a user of its own and can't pose as another. */
const services = ['repo-watcher', 'renderer', 'syncer', 'rbac', 'api'] as const;

export interface NatsConfiguration {
  port: number;
  prefix: string;
  /** Of the user `plumbline`, who may do everything; those of the services derive from it. */
  password: string;
  storeDir: string;
}

export function natsConfiguration({ port, prefix, password, storeDir }: NatsConfiguration): string {
  const users = [
    { user: 'plumbline', password },
    ...services.map((service) => ({ user: service, password: servicePassword(password, service), permissions: permissionsOf(service, prefix) })),
  ];
  // nats-server's configuration language is a superset of JSON.
  return `${JSON.stringify({ listen: `127.0.0.1:${port}`, jetstream: { store_dir: storeDir }, authorization: { users } }, null, 2)}\n`;
}

export const serviceUrls = ({ port, password }: NatsConfiguration): Record<string, string> =>
  Object.fromEntries(services.map((service) => [service, `nats://${service}:${servicePassword(password, service)}@127.0.0.1:${port}`]));

/** Hears announcements, what it is asked itself and answers; says announcements and asks anyone. */
const permissionsOf = (service: string, prefix: string) => ({
  subscribe: [`${prefix}.feed`, `${prefix}.${service}.>`, '_INBOX.>'],
  publish: [`${prefix}.feed`, `${prefix}.*.*`, '$JS.API.>'],
  // Replies go to the inbox of whoever asked, and nowhere else.
  allow_responses: true,
});

const servicePassword = (password: string, service: string): string => createHmac('sha256', password).update(service).digest('base64url');
