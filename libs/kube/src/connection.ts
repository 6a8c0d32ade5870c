import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { AppError } from '@plumbline/contracts';

/** How to reach an API server and who to be there. Never logged: it holds keys. */
export interface KubeConnection {
  /** Address, with a path where the server has one, without a trailing slash. */
  server: string;
  tls: { ca?: Buffer; cert?: Buffer; key?: Buffer; servername?: string; rejectUnauthorized?: boolean };
  proxyUrl?: string;
  /** Authorization and impersonation headers, as they are now: tokens from files and plugins change. */
  headers(): Promise<Record<string, string>>;
}

/** The `config` of a cluster Secret, in Argo CD's format. */
export interface ClusterCredentials {
  username?: string;
  password?: string;
  bearerToken?: string;
  proxyUrl?: string;
  tlsClientConfig?: { insecure?: boolean; serverName?: string; caData?: string; certData?: string; keyData?: string };
  execProviderConfig?: { command: string; args?: string[]; env?: Record<string, string>; apiVersion?: string; installHint?: string };
}

/** The current context of a kubeconfig; without a path the Pod's own service account. `failed-precondition` when neither is there. */
export async function loadConnection(options: { kubeconfigPath?: string; env: NodeJS.ProcessEnv }): Promise<KubeConnection> {
  const config = new KubeConfig();
  const { kubeconfigPath, env } = options;
  if (kubeconfigPath === undefined || kubeconfigPath === '') {
    if (env['KUBERNETES_SERVICE_HOST'] === undefined) {
      throw new AppError('failed-precondition', 'no kubeconfig is set and this is not a Pod: set PLUMBLINE_KUBECONFIG to the path of a kubeconfig');
    }
    config.loadFromCluster();
  } else {
    if (!existsSync(kubeconfigPath)) throw new AppError('failed-precondition', `the kubeconfig ${kubeconfigPath} does not exist`);
    try {
      config.loadFromFile(kubeconfigPath);
    } catch (error) {
      throw new AppError('failed-precondition', `the kubeconfig ${kubeconfigPath} can't be read: ${firstLine(error)}`, { cause: error });
    }
  }
  return connectionOf(config, kubeconfigPath ?? 'the service account');
}

/** The connection that a cluster Secret describes. `failed-precondition` when its credentials can't be used. */
export async function clusterConnection(server: string, credentials: ClusterCredentials): Promise<KubeConnection> {
  const { tlsClientConfig: tls = {}, execProviderConfig: exec } = credentials;
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: server,
      server,
      skipTLSVerify: tls.insecure === true,
      ...(tls.caData === undefined ? {} : { caData: tls.caData }),
      ...(tls.serverName === undefined ? {} : { tlsServerName: tls.serverName }),
      ...(credentials.proxyUrl === undefined ? {} : { proxyUrl: credentials.proxyUrl }),
    },
    {
      name: server,
      ...(credentials.username === undefined ? {} : { username: credentials.username, password: credentials.password ?? '' }),
      ...(credentials.bearerToken === undefined ? {} : { token: credentials.bearerToken }),
      ...(tls.certData === undefined ? {} : { certData: tls.certData }),
      ...(tls.keyData === undefined ? {} : { keyData: tls.keyData }),
      ...(exec === undefined
        ? {}
        : {
            exec: {
              apiVersion: exec.apiVersion,
              command: exec.command,
              args: exec.args ?? [],
              env: Object.entries(exec.env ?? {}).map(([name, value]) => ({ name, value })),
            },
          }),
    },
  );
  return connectionOf(config, `the credentials of ${server}`);
}

async function connectionOf(config: KubeConfig, source: string): Promise<KubeConnection> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new AppError('failed-precondition', `${source} names no current cluster: set current-context`);
  const proxyUrl = cluster.proxyUrl;
  if (proxyUrl !== undefined && !/^https?:/.test(proxyUrl))
    throw new AppError('unsupported', `${source} wants the proxy ${new URL(proxyUrl).protocol}: only http and https proxies are supported`);
  const options = await resolve(config, source);
  return {
    server: cluster.server.replace(/\/+$/, ''),
    tls: {
      ...(options.ca === undefined ? {} : { ca: options.ca as Buffer }),
      ...(options.cert === undefined ? {} : { cert: options.cert as Buffer }),
      ...(options.key === undefined ? {} : { key: options.key as Buffer }),
      ...(options.servername === undefined ? {} : { servername: options.servername }),
      ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
    },
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    headers: async () => authentication(await resolve(config, source)),
  };
}

/** TLS material and headers, by the library that knows kubeconfigs; plugins and token files are asked here. */
async function resolve(config: KubeConfig, source: string): Promise<RequestOptions> {
  const options: RequestOptions = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    throw new AppError('unauthenticated', `${source} gives no usable credentials: ${firstLine(error)}`, { retry: 'later', cause: error });
  }
  return options;
}

function authentication(options: RequestOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
  if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  return headers;
}

const firstLine = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/\n.*/s, '');
