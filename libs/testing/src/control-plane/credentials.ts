import { X509Certificate } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from '../state-files.ts';

export interface ClusterCredentials {
  server: string;
  /** PEM: the serving certificate and the CA that signed it. */
  certificate: string;
  token: string;
}

export function kubeconfigText({ server, certificate, token }: ClusterCredentials): string {
  const name = 'plumbline';
  // JSON is YAML, and needs no quoting rules.
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(certificate).toString('base64') } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name, context: { cluster: name, user: 'admin' } }],
    'current-context': name,
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** kube-apiserver signs its own certificate for a year and never renews it; without one it makes a new one. */
export async function discardAgedCertificate(dir: string): Promise<void> {
  const certificate = await readIfThere(join(dir, 'apiserver.crt'));
  if (certificate === undefined) return;
  const monthMs = 30 * 24 * 3600 * 1000;
  if (Date.parse(new X509Certificate(certificate).validTo) - Date.now() < monthMs) await rm(dir, { recursive: true });
}
