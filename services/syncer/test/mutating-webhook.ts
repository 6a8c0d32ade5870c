import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { loopbackCertificate } from './loopback-certificate.ts';

/** JSON Patch, or a refusal. */
export type Admission = { patch: { op: 'add' | 'replace' | 'remove'; path: string; value?: unknown }[] } | { refused: string };

/** An admission webhook on the loopback interface that mutates, or refuses, ConfigMaps and Deployments of one namespace. */
export async function startMutatingWebhook(
  kube: KubeClient,
  namespace: string,
  admit: (object: KubeObject) => Admission,
): Promise<{ caBundle: string; stop(): Promise<void> }> {
  const server = createServer(loopbackCertificate, (request, response) => {
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
  const caBundle = Buffer.from(loopbackCertificate.cert).toString('base64');
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
