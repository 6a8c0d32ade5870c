import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';

/** For 127.0.0.1, known to nobody but the tests' own webhook configurations. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBqTCCAVCgAwIBAgIUTjE4XIDDMtX/lVrPBqp+hM+/oBQwCgYIKoZIzj0EAwIw
ITEfMB0GA1UEAwwWcGx1bWJsaW5lIHRlc3Qgd2ViaG9vazAgFw0yNjExMjYxNjUy
MjNaGA8yMTI2MTEwMjE2NTIyM1owITEfMB0GA1UEAwwWcGx1bWJsaW5lIHRlc3Qg
d2ViaG9vazBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABHkT9lIquF9PlmJPl7Ek
rupZy5reZDa3nsoMOMq4SeykIDNvlwa4cpRRqmA0wrYUyDYrBhuCOLi0x/1KVHCB
lkOjZDBiMB0GA1UdDgQWBBSJNQNFjplk7bijX7GXTwjkhghL8DAfBgNVHSMEGDAW
gBSJNQNFjplk7bijX7GXTwjkhghL8DAPBgNVHRMBAf8EBTADAQH/MA8GA1UdEQQI
MAaHBH8AAAEwCgYIKoZIzj0EAwIDRwAwRAIgfGzQ5q9ZZ6fPBdsWnxhRG2ryNG+F
DUZm8mkfxayaeVUCIGqh1WRyL1aDUVxr3g05LAtqB8KaRGwLvhXxTROOD6zF
-----END CERTIFICATE-----`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfyOR4ZesMW7qxljO
EyRbdxwIWQE5Lwb22Mh/pYIRZBChRANCAAR5E/ZSKrhfT5ZiT5exJK7qWcua3mQ2
t57KDDjKuEnspCAzb5cGuHKUUapgNMK2FMg2KwYbgji4tMf9SlRwgZZD
-----END PRIVATE KEY-----`;

/** JSON Patch, or a refusal. */
export type Admission = { patch: { op: 'add' | 'replace' | 'remove'; path: string; value?: unknown }[] } | { refused: string };

/** An admission webhook on the loopback interface that mutates, or refuses, ConfigMaps and Deployments of one namespace. */
export async function startMutatingWebhook(
  kube: KubeClient,
  namespace: string,
  admit: (object: KubeObject) => Admission,
): Promise<{ caBundle: string; stop(): Promise<void> }> {
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { request: { uid: string; object: KubeObject } };
      const admission = admit(review.request.object);
      const answer =
        'refused' in admission
          ? { allowed: false, status: { message: admission.refused } }
          : { allowed: true, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(admission.patch)).toString('base64') };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: review.request.uid, ...answer } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const caBundle = Buffer.from(certificate).toString('base64');
  const configuration = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: `${namespace}-mutating` },
    webhooks: [
      {
        name: 'mutating.plumbline.example',
        clientConfig: { url: `https://127.0.0.1:${port}/`, caBundle },
        rules: [{ apiGroups: ['', 'apps'], apiVersions: ['v1'], resources: ['configmaps', 'deployments', 'secrets'], operations: ['CREATE', 'UPDATE'] }],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        sideEffects: 'None',
        failurePolicy: 'Fail',
        admissionReviewVersions: ['v1'],
      },
    ],
  };
  await kube.create(configuration);
  return {
    caBundle,
    async stop() {
      await kube.delete({ group: 'admissionregistration.k8s.io', version: 'v1', kind: 'MutatingWebhookConfiguration', name: configuration.metadata.name });
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
