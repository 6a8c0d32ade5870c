import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { configMap, nginx } from './src/manifests.ts';
import { logsNow, useScenarios } from './src/platform.ts';

const begin = useScenarios();

const replicas = (object: { [field: string]: unknown }): unknown => (object['spec'] as { replicas?: number }).replicas;
const withoutSelfHeal = { syncPolicy: { automated: { prune: true }, syncOptions: ['CreateNamespace=true'] } };

test('an autoscaler’s twenty replicas stay, while the manifest says two and when it says nothing any more', async () => {
  const lab = await begin();
  await lab.givenRepository({ 'manifests/web.yaml': nginx() });
  await lab.whenApplicationIsCreated({
    ignoreDifferences: [{ group: 'apps', kind: 'Deployment', jqPathExpressions: ['.spec.replicas'] }],
    syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['CreateNamespace=true', 'RespectIgnoreDifferences=true'] },
  });
  await lab.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  await lab.whenPatchedByHand('Deployment', 'nginx-demo', { spec: { replicas: 20 } });
  const pushed = await lab.whenPushed({ 'manifests/web.yaml': nginx({ image: 'nginx:1.22' }) });
  await lab.thenApplicationIs({ sync: 'Synced', revision: pushed, phase: 'Succeeded' });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => JSON.stringify(object).includes('nginx:1.22') && replicas(object) === 20);

  // The rule and the replicas go, an autoscaler comes: nothing in between is one replica.
  await lab.whenApplicationIsPatched({ spec: { ignoreDifferences: null } });
  const autoscaler = JSON.stringify({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'nginx-demo' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nginx-demo' }, minReplicas: 5, maxReplicas: 30 },
  });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 2);
  await lab.whenPushed({ 'manifests/web.yaml': nginx({ image: 'nginx:1.22', replicas: 7 }) });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => replicas(object) === 7);
  const last = await lab.whenPushed({
    'manifests/web.yaml': nginx({ image: 'nginx:1.23' }).replace(/ {2}replicas: .*\n/, ''),
    'manifests/autoscaler.json': autoscaler,
  });
  await lab.thenApplicationIs({ sync: 'Synced', revision: last, phase: 'Succeeded' });
  await lab.thenObject('Deployment', 'nginx-demo', (object) => JSON.stringify(object).includes('nginx:1.23') && replicas(object) === 7);
});

test('drift says which field, who changed it and when; a rule of the installation ends it at once', async () => {
  const lab = await begin();
  const setting = 'resource.customizations.ignoreDifferences.ConfigMap';
  const settings = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'argocd', name: 'argocd-cm' };
  await lab.givenRepository({ 'manifests/settings.json': configMap('settings', { [lab.name]: '1', other: '1' }) });
  await lab.whenApplicationIsCreated(withoutSelfHeal);
  await lab.thenApplicationIs({ sync: 'Synced' });
  await lab.whenPatchedByHand('ConfigMap', 'settings', { data: { [lab.name]: '2' } });
  await lab.thenApplicationIs({ sync: 'OutOfSync' });
  const { data } = await lab.thenEvent('DriftDetected');
  expect(data).toMatchObject({
    resources: [
      {
        kind: 'ConfigMap',
        fields: [`/data/${lab.name}`],
        manager: 'kubectl-scale',
        owners: [[{ manager: 'kubectl-scale', operation: 'Update', at: expect.any(String) }]],
      },
    ],
  });
  try {
    await lab.kube.mergePatch(settings, { data: { [setting]: `jqPathExpressions: ['.data["${lab.name}"]']` } }, { fieldManager: 'kubectl-edit' });
    await lab.thenApplicationIs({ sync: 'Synced' });
    await lab.kube.mergePatch(settings, { data: { [setting]: 'jsonPointers: [no pointer]' } }, { fieldManager: 'kubectl-edit' });
    await lab.thenCondition('ComparisonWarning', 'is not a JSON pointer');
    await lab.thenApplicationIs({ sync: 'OutOfSync' });
  } finally {
    await lab.kube.mergePatch(settings, { data: { [setting]: null } }, { fieldManager: 'kubectl-edit' });
  }
});

test('no event, status or log line holds a Secret’s value or its bare hash', async () => {
  const lab = await begin();
  const values = [
    `drifted-${randomBytes(9).toString('hex')}`,
    `wanted-${randomBytes(9).toString('hex')}`,
    `refused-${randomBytes(9).toString('hex')}`,
  ] as const;
  const [drifted, wanted, refused] = values;
  const secret = (data: Record<string, string>): string => JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden' }, data });
  await lab.givenRepository({ 'manifests/secret.json': secret({ password: btoa(wanted) }) });
  await lab.whenApplicationIsCreated({ ...withoutSelfHeal, ignoreDifferences: [{ kind: 'Secret', jqPathExpressions: ['.data.password | error'] }] });
  await lab.thenApplicationIs({ sync: 'Synced' });
  await lab.whenPatchedByHand('Secret', 'hidden', { data: { password: btoa(drifted) } });
  await lab.thenEvent('DriftDetected', (event) => JSON.stringify(event.data).includes('/data/password'));
  await lab.thenCondition('ComparisonWarning', 'it may quote the Secret');
  // What the server says of it may quote it.
  await lab.whenPushed({ 'manifests/secret.json': secret({ password: `${btoa(refused)}*` }) });
  await lab.thenApplicationIs({ sync: 'OutOfSync', phase: 'Failed' });
  await lab.thenCondition('ComparisonWarning', 'refuses the manifest');

  const logs = logsNow();
  expect(logs.files).toContain('syncer.log');
  const told = [JSON.stringify(await lab.ownEvents()), JSON.stringify(await lab.application()), logs.text].join('\n');
  for (const value of values)
    for (const text of [value, btoa(value)]) {
      const hash = createHash('sha256').update(text).digest();
      for (const form of [text, hash.toString('hex'), hash.toString('base64').slice(0, 40), hash.toString('base64url').slice(0, 40)])
        expect(told.includes(form), form).toBe(false);
    }
});
