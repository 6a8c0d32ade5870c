import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterConnection, loadConnection } from './connection.ts';
import { pluginConnection } from './plugin-connection.ts';

let dir: string;
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'plumbline-kube-'))));
afterAll(async () => await rm(dir, { recursive: true }));

async function kubeconfig(cluster: object, user: object): Promise<string> {
  const path = join(dir, `${Math.random()}.yaml`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}
const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('a kubeconfig', () => {
  test('with a token and a CA', async () => {
    const path = await kubeconfig({ server: 'https://api.example:6443/prefix/', 'certificate-authority-data': base64('CA') }, { token: 't0ken' });
    const connection = await loadConnection({ kubeconfigPath: path, env: {} });
    expect(connection).toMatchObject({ server: 'https://api.example:6443/prefix', tls: { ca: Buffer.from('CA') } });
    expect(await connection.headers()).toEqual({ authorization: 'Bearer t0ken' });
  });

  test('with client certificates, another server name and an impersonated user', async () => {
    const path = await kubeconfig(
      { server: 'https://api.example', 'tls-server-name': 'inner', 'insecure-skip-tls-verify': true },
      { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY'), as: 'jane' },
    );
    const connection = await loadConnection({ kubeconfigPath: path, env: {} });
    expect(connection.tls).toEqual({ cert: Buffer.from('CERT'), key: Buffer.from('KEY'), servername: 'inner', rejectUnauthorized: false });
    expect(await connection.headers()).toEqual({ 'impersonate-user': 'jane' });
  });

  test('with files, which are relative to it; a token file is read again each time', async () => {
    for (const [name, content] of Object.entries({ 'ca.pem': 'CA', 'c.pem': 'CERT', 'k.pem': 'KEY', token: 'one\n' }))
      await writeFile(join(dir, name), content);
    const path = await kubeconfig(
      { server: 'https://api.example', 'certificate-authority': 'ca.pem' },
      { 'client-certificate': join(dir, 'c.pem'), 'client-key': 'k.pem', tokenFile: 'token' },
    );
    const connection = await loadConnection({ kubeconfigPath: path, env: {} });
    expect(connection.tls).toEqual({ ca: Buffer.from('CA'), cert: Buffer.from('CERT'), key: Buffer.from('KEY') });
    expect(await connection.headers()).toEqual({ authorization: 'Bearer one' });
    await writeFile(join(dir, 'token'), 'two');
    expect(await connection.headers()).toEqual({ authorization: 'Bearer two' });
  });

  test('with a password', async () => {
    const path = await kubeconfig({ server: 'https://api.example' }, { username: 'u', password: 'p' });
    expect(await (await loadConnection({ kubeconfigPath: path, env: {} })).headers()).toEqual({ authorization: `Basic ${base64('u:p')}` });
  });

  test('is read as the library reads it that others use', async () => {
    const path = await kubeconfig(
      { server: 'https://api.example/x/', 'certificate-authority-data': base64('CA'), 'tls-server-name': 'inner', 'proxy-url': 'http://proxy:3128' },
      { token: 't', 'client-certificate-data': base64('C'), 'client-key-data': base64('K'), as: 'jane' },
    );
    const { headers, ...own } = await loadConnection({ kubeconfigPath: path, env: {} });
    const { headers: theirHeaders, ...theirs } = await pluginConnection((config) => config.loadFromFile(path), path);
    expect(own).toEqual(theirs);
    expect(await headers()).toEqual(await theirHeaders());
  });

  test('with a plugin, which is asked again when its token has expired', async () => {
    const script = `console.log(JSON.stringify({apiVersion:'client.authentication.k8s.io/v1',kind:'ExecCredential',status:{token:String(process.hrtime.bigint()),expirationTimestamp:'2020-01-01T00:00:00Z'}}))`;
    const path = await kubeconfig(
      { server: 'https://api.example' },
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', script] } },
    );
    const connection = await loadConnection({ kubeconfigPath: path, env: {} });
    const [first, second] = [await connection.headers(), await connection.headers()];
    expect(first['authorization']).toMatch(/^Bearer \d+$/);
    expect(second).not.toEqual(first);
  });

  test.each<[string, () => Promise<string | undefined>, string, RegExp]>([
    ['that is not there', async () => join(dir, 'nope'), 'failed-precondition', /nope does not exist/],
    ['none, and no Pod', async () => undefined, 'failed-precondition', /PLUMBLINE_KUBECONFIG/],
    ['that is none', async () => kubeconfig('nothing' as never, {}), 'failed-precondition', /can't be read/],
    [
      'without a current context',
      async () => (await writeFile(join(dir, 'empty'), 'apiVersion: v1\nkind: Config\n'), join(dir, 'empty')),
      'failed-precondition',
      /set current-context/,
    ],
    [
      'with a token file that is not there',
      () => kubeconfig({ server: 'https://api.example' }, { tokenFile: 'gone' }),
      'unauthenticated',
      /no usable credentials/,
    ],
    ['with a proxy that is not spoken', () => kubeconfig({ server: 'https://api.example', 'proxy-url': 'socks5://p' }, {}), 'unsupported', /socks5:/],
    [
      'with a plugin that fails',
      () =>
        kubeconfig(
          { server: 'https://api.example' },
          { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: ['-e', 'process.exit(1)'] } },
        ),
      'unauthenticated',
      /no usable credentials/,
    ],
  ])('%s', async (_name, path, code, message) => {
    const kubeconfigPath = await path();
    await expect(loadConnection({ ...(kubeconfigPath === undefined ? {} : { kubeconfigPath }), env: {} })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

test.each<[string, Parameters<typeof clusterConnection>[1], object, object]>([
  [
    'a token',
    { bearerToken: 't', tlsClientConfig: { caData: base64('CA') } },
    { ca: Buffer.from('CA'), rejectUnauthorized: undefined },
    { authorization: 'Bearer t' },
  ],
  ['a password', { username: 'u', password: 'p' }, {}, { authorization: `Basic ${base64('u:p')}` }],
  [
    'a certificate',
    { tlsClientConfig: { certData: base64('C'), keyData: base64('K'), insecure: true, serverName: 's' } },
    { cert: Buffer.from('C'), key: Buffer.from('K'), rejectUnauthorized: false, servername: 's' },
    {},
  ],
])('a cluster Secret with %s', async (_name, credentials, tls, headers) => {
  const connection = await clusterConnection('https://other.example', credentials);
  expect(connection.tls).toMatchObject(Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)));
  expect(await connection.headers()).toEqual(headers);
});

test('a Pod has the address from its environment', async () => {
  const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' };
  await expect(loadConnection({ env })).rejects.toMatchObject({ code: 'unauthenticated', message: expect.stringContaining('serviceaccount') });
});
