import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { AppError } from '@plumbline/contracts';
import type { KubeConnection } from './connection.ts';
import { assertProxy, firstLine, noCredentials } from './access-errors.ts';

/**
 * The connection of a user whom a plugin or a provider knows. The library that can ask them takes 60 MB of memory with its
 * models of every kind, so this module is loaded only where it is needed.
 *
 * @throws AppError `failed-precondition`, `unsupported`, `unauthenticated`
 */
export async function pluginConnection(load: (config: KubeConfig) => void, source: string): Promise<KubeConnection> {
  const config = new KubeConfig();
  try {
    load(config);
  } catch (error) {
    throw new AppError('failed-precondition', `${source} can't be used: ${firstLine(error)}`, { cause: error });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new AppError('failed-precondition', `${source} names no current cluster: set current-context`);
  const { proxyUrl } = cluster;
  if (proxyUrl !== undefined) assertProxy(proxyUrl, source);
  const { ca, cert, key, servername, rejectUnauthorized } = await ask(config, source);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    tls: {
      ...(ca === undefined ? {} : { ca: ca as Buffer }),
      ...(cert === undefined ? {} : { cert: cert as Buffer }),
      ...(key === undefined ? {} : { key: key as Buffer }),
      ...(servername === undefined ? {} : { servername }),
      ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
    },
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    headers: async () => authentication(await ask(config, source)),
  };
}

async function ask(config: KubeConfig, source: string): Promise<RequestOptions> {
  const options: RequestOptions = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw noCredentials(error, source);
  }
  return options;
}

function authentication(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
  if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}
