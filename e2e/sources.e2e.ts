import { expect, test } from 'vitest';
import { useScenarios } from './src/platform.ts';

const begin = useScenarios();

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: myapp
spec:
  replicas: 1
  selector:
    matchLabels:
      app: myapp
  template:
    metadata:
      labels:
        app: myapp
    spec:
      containers:
        - name: myapp
          image: myregistry/myapp:latest
          ports:
            - containerPort: 8080
`;

test('a Kustomize overlay as the tutorial writes it: bases, patchesStrategicMerge, images, configMapGenerator, commonLabels', async () => {
  const shop = await begin();
  await shop.givenRepository({
    'base/deployment.yaml': deployment,
    'base/service.yaml':
      'apiVersion: v1\nkind: Service\nmetadata: { name: myapp }\nspec: { selector: { app: myapp }, ports: [{ port: 80, targetPort: 8080 }] }\n',
    'base/kustomization.yaml': `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - deployment.yaml
  - service.yaml
commonLabels:
  version: v1
  managed-by: argocd
`,
    'environments/production/kustomization.yaml': `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
bases:
  - ../../base
patchesStrategicMerge:
  - deployment-patch.yaml
images:
  - name: myregistry/myapp
    newTag: v1.2.3
configMapGenerator:
  - name: app-config
    literals:
      - database_pool_size=10
      - log_level=warn
      - environment=production
commonLabels:
  environment: production
  tier: web
`,
    'environments/production/deployment-patch.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: myapp }\nspec: { replicas: 3 }\n',
  });
  await shop.whenApplicationIsCreated({ source: { repoURL: shop.repoUrl, path: 'environments/production', targetRevision: 'main' } });
  const live = await shop.thenObject('Deployment', 'myapp');
  expect(live).toMatchObject({
    metadata: { labels: { environment: 'production', tier: 'web', version: 'v1', 'managed-by': 'argocd' } },
    spec: { replicas: 3, template: { spec: { containers: [{ image: 'myregistry/myapp:v1.2.3' }] } } },
  });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  const status = await shop.status();
  expect(status.sourceType).toBe('Kustomize');
  const generated = status.resources?.find((resource) => resource.kind === 'ConfigMap');
  expect(generated?.name).toMatch(/^app-config-[a-z0-9]{10}$/);

  // CI sets a new tag (kustomize edit set image): only that changes, and the old generated ConfigMap stays while it is the same.
  await shop.whenPushed({
    'environments/production/deployment-patch.yaml': 'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: myapp }\nspec: { replicas: 2 }\n',
  });
  await shop.thenObject('Deployment', 'myapp', (object) => (object['spec'] as { replicas: number }).replicas === 2);
  await shop.thenObject('ConfigMap', generated!.name);
});

test('a Helm chart with values', async () => {
  const shop = await begin();
  await shop.givenRepository({
    'helm/myapp/Chart.yaml': 'apiVersion: v2\nname: myapp\nversion: 0.1.0\n',
    'helm/myapp/values.yaml': 'replicaCount: 1\nimage: { repository: myregistry/myapp, tag: v1 }\n',
    'helm/myapp/values-prod.yaml': 'replicaCount: 2\n',
    'helm/myapp/templates/_helpers.tpl':
      '{{- define "myapp.labels" -}}\napp.kubernetes.io/name: {{ .Chart.Name }}\napp.kubernetes.io/instance: {{ .Release.Name }}\n{{- end -}}\n',
    'helm/myapp/templates/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  labels: {{- include "myapp.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicaCount }}
  selector:
    matchLabels: {{- include "myapp.labels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "myapp.labels" . | nindent 8 }}
    spec:
      containers:
        - name: app
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
`,
    'helm/myapp/templates/NOTES.txt': 'thank you',
  });
  await shop.whenApplicationIsCreated({
    source: {
      repoURL: shop.repoUrl,
      path: 'helm/myapp',
      helm: { releaseName: 'web', valueFiles: ['values-prod.yaml'], parameters: [{ name: 'image.tag', value: 'v7' }] },
    },
  });
  expect(await shop.thenObject('Deployment', 'web')).toMatchObject({
    metadata: { labels: { 'app.kubernetes.io/instance': 'web' } },
    spec: { replicas: 2, template: { spec: { containers: [{ image: 'myregistry/myapp:v7' }] } } },
  });
  await shop.thenApplicationIs({ sync: 'Synced', health: 'Healthy' });
  expect((await shop.status()).sourceType).toBe('Helm');

  // CI edits values.yaml with yq.
  await shop.whenPushed({ 'helm/myapp/values-prod.yaml': 'replicaCount: 4\n' });
  await shop.thenObject('Deployment', 'web', (object) => (object['spec'] as { replicas: number }).replicas === 4);
});
