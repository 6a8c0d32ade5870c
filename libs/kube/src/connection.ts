import { existsSync } from 'node:fs';
import { AppError } from '@plumbline/contracts';
import { assertProxy, firstLine, noCredentials } from './access-errors.ts';
import type { StaticAccess } from './kubeconfig.ts';
import { read, readKubeconfig, serviceAccountAccess } from './kubeconfig.ts';

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
  const { kubeconfigPath: path, env } = options;
  if (path === undefined || path === '') {
    const host = env['KUBERNETES_SERVICE_HOST'];
    if (host === undefined) {
      throw new AppError('failed-precondition', 'no kubeconfig is set and this is not a Pod: set PLUMBLINE_KUBECONFIG to the path of a kubeconfig');
    }
    return staticConnection(serviceAccountAccess(host, env['KUBERNETES_SERVICE_PORT']), 'the service account');
  }
  if (!existsSync(path)) throw new AppError('failed-precondition', `the kubeconfig ${path} does not exist`);
  let found;
  try {
    found = readKubeconfig(path);
  } catch (error) {
    throw new AppError('failed-precondition', `the kubeconfig ${path} can't be read: ${firstLine(error)}`, { cause: error });
  }
  switch (found.kind) {
    case 'no-cluster':
      throw new AppError('failed-precondition', `${path} names no current cluster: set current-context`);
    case 'static':
      return staticConnection(found.access, path);
    case 'plugin':
      return (await import('./plugin-connection.ts')).pluginConnection((config) => config.loadFromFile(path), path);
  }
}

/** The connection that a cluster Secret describes. `failed-precondition` when its credentials can't be used. */
export async function clusterConnection(server: string, credentials: ClusterCredentials): Promise<KubeConnection> {
  const { tlsClientConfig: tls = {}, execProviderConfig: exec, username, password = '', bearerToken, proxyUrl } = credentials;
  const source = `the credentials of ${server}`;
  if (exec === undefined) {
    const access: StaticAccess = {
      server,
      isInsecure: tls.insecure === true,
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
      ...(tls.caData === undefined ? {} : { ca: { base64: tls.caData } }),
      ...(tls.certData === undefined ? {} : { cert: { base64: tls.certData } }),
      ...(tls.keyData === undefined ? {} : { key: { base64: tls.keyData } }),
      ...(bearerToken === undefined ? {} : { token: { text: bearerToken } }),
      ...(username === undefined || username === '' ? {} : { basic: { username, password } }),
    };
    return staticConnection(access, source);
  }
  const { pluginConnection } = await import('./plugin-connection.ts');
  return pluginConnection((config) => {
    config.loadFromClusterAndUser(
      {
        name: server,
        server,
        skipTLSVerify: tls.insecure === true,
        ...(tls.caData === undefined ? {} : { caData: tls.caData }),
        ...(tls.serverName === undefined ? {} : { tlsServerName: tls.serverName }),
        ...(proxyUrl === undefined ? {} : { proxyUrl }),
      },
      {
        name: server,
        exec: {
          apiVersion: exec.apiVersion,
          command: exec.command,
          args: exec.args ?? [],
          env: Object.entries(exec.env ?? {}).map(([name, value]) => ({ name, value })),
        },
      },
    );
  }, source);
}

async function staticConnection(access: StaticAccess, source: string): Promise<KubeConnection> {
  const { proxyUrl, ca, cert, key, serverName, token, basic, impersonate } = access;
  if (proxyUrl !== undefined) assertProxy(proxyUrl, source);
  const headers = async (): Promise<Record<string, string>> => ({
    ...(impersonate === undefined ? {} : { 'impersonate-user': impersonate }),
    ...(basic === undefined ? {} : { authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}` }),
    ...(token === undefined
      ? {}
      : {
          authorization: `Bearer ${usable(() => read(token), source)
            .toString('utf8')
            .trim()}`,
        }),
  });
  const tls: KubeConnection['tls'] = usable(
    () => ({
      ...(ca === undefined ? {} : { ca: read(ca) }),
      ...(cert === undefined ? {} : { cert: read(cert) }),
      ...(key === undefined ? {} : { key: read(key) }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(access.isInsecure ? { rejectUnauthorized: false } : {}),
    }),
    source,
  );
  await headers();
  return { server: access.server.replace(/\/+$/, ''), tls, ...(proxyUrl === undefined ? {} : { proxyUrl }), headers };
}

function usable<R>(find: () => R, source: string): R {
  try {
    return find();
  } catch (error) {
    throw noCredentials(error, source);
  }
}
