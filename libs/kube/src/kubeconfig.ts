import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

/** Text, or the file that holds it, read each time it is needed: tokens and certificates are rotated in place. */
type Material = { text: string } | { base64: string } | { file: string };

/** A cluster and who to be there, where nothing has to be run to find out. */
export interface StaticAccess {
  server: string;
  proxyUrl?: string;
  ca?: Material;
  isInsecure: boolean;
  serverName?: string;
  cert?: Material;
  key?: Material;
  token?: Material;
  basic?: { username: string; password: string };
  impersonate?: string;
}

/** `plugin`: the user is known by an exec plugin or a provider, which @kubernetes/client-node asks. */
export type Access = { kind: 'static'; access: StaticAccess } | { kind: 'plugin' } | { kind: 'no-cluster' };

const text = z.string().optional();
const clusterShape = z.looseObject({
  server: z.string(),
  'certificate-authority': text,
  'certificate-authority-data': text,
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': text,
  'proxy-url': text,
});
const userShape = z.looseObject({
  token: text,
  tokenFile: text,
  username: text,
  password: text,
  'client-certificate': text,
  'client-certificate-data': text,
  'client-key': text,
  'client-key-data': text,
  as: text,
});
const fileShape = z.looseObject({
  'current-context': text,
  clusters: z.array(z.looseObject({ name: z.string(), cluster: clusterShape })).nullish(),
  users: z.array(z.looseObject({ name: z.string(), user: userShape.nullish() })).nullish(),
  contexts: z.array(z.looseObject({ name: z.string(), context: z.looseObject({ cluster: z.string(), user: text }) })).nullish(),
});

/**
 * The current context of a kubeconfig file, as kubectl reads it: paths in it are relative to it.
 *
 * @throws Error when it can't be read or is no kubeconfig
 */
export function readKubeconfig(path: string): Access {
  const file = fileShape.parse(parse(readFileSync(path, 'utf8')));
  const context = file.contexts?.find(({ name }) => name === file['current-context'])?.context;
  const cluster = file.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  if (cluster === undefined) return { kind: 'no-cluster' };
  const user = file.users?.find(({ name }) => name === context?.user)?.user ?? {};
  if (user['exec'] !== undefined || user['auth-provider'] !== undefined) return { kind: 'plugin' };
  const material = (base64: string | undefined, name: string | undefined): Material | undefined =>
    base64 !== undefined && base64 !== '' ? { base64 } : name !== undefined && name !== '' ? { file: resolve(dirname(path), name) } : undefined;
  const token: Material | undefined = user.token !== undefined && user.token !== '' ? { text: user.token } : material(undefined, user.tokenFile);
  return {
    kind: 'static',
    access: {
      server: cluster.server,
      isInsecure: cluster['insecure-skip-tls-verify'] === true,
      ...defined({
        proxyUrl: cluster['proxy-url'],
        serverName: cluster['tls-server-name'],
        ca: material(cluster['certificate-authority-data'], cluster['certificate-authority']),
        cert: material(user['client-certificate-data'], user['client-certificate']),
        key: material(user['client-key-data'], user['client-key']),
        token,
        basic: user.username === undefined || user.username === '' ? undefined : { username: user.username, password: user.password ?? '' },
        impersonate: user.as,
      }),
    },
  };
}

const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What Kubernetes gives to each Pod: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/. */
export function serviceAccountAccess(host: string, port: string | undefined): StaticAccess {
  const address = isIPv6(host) ? `[${host}]` : host;
  const files = { ca: { file: `${serviceAccountDir}/ca.crt` }, token: { file: `${serviceAccountDir}/token` } };
  return { server: `https://${address}${port === undefined ? '' : `:${port}`}`, isInsecure: false, ...files };
}

/** @throws Error when it is in a file that can't be read. */
export function read(material: Material): Buffer {
  if ('text' in material) return Buffer.from(material.text);
  return 'base64' in material ? Buffer.from(material.base64, 'base64') : readFileSync(material.file);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

const defined = <T extends object>(values: T): Defined<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== '')) as Defined<T>;
