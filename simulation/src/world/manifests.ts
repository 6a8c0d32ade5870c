import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '@plumbline/manifests';
import type { Random } from '../random.ts';
import type { Files } from '../twins/remote-repository.ts';

/** Stands in every Secret and every secret parameter; must never be seen elsewhere. */
export const canary = 'canary-4711-must-not-leak';

/** The directory of one application as people write it. */
export function someFiles(path: string, random: Random): Files {
  const files: Record<string, string> = {};
  const maps = random.integer(1, 4);
  for (let i = 0; i < maps; i++) {
    const wave = random.chance(0.3) ? random.integer(-1, 2) : undefined;
    files[`${path}/map-${i}.yaml`] = yamlOf('v1', 'ConfigMap', `${path}-map-${i}`, { data: { value: String(random.integer(0, 9)), other: 'x' } }, inWave(wave));
  }
  if (random.chance(0.5)) files[`${path}/secret.yaml`] = yamlOf('v1', 'Secret', `${path}-secret`, { stringData: { password: canary } });
  if (random.chance(0.4)) files[`${path}/deployment.yaml`] = deployment(path, random.integer(1, 3), random.integer(1, 3));
  if (random.chance(0.2)) files[`${path}/hook.yaml`] = hook(path, random.pick(['PreSync', 'PostSync']));
  return files;
}

const inWave = (wave: number | undefined): object => (wave === undefined ? {} : { 'argocd.argoproj.io/sync-wave': String(wave) });

const yamlOf = (apiVersion: string, kind: string, name: string, rest: object, annotations: object = {}): string =>
  JSON.stringify({
    apiVersion,
    kind,
    metadata: { name, annotations },
    ...rest,
  });

function deployment(path: string, replicas: number, version: number): string {
  const labels = { app: path };
  const containers = [{ name: 'main', image: `example.org/${path}:${version}` }];
  return yamlOf('apps/v1', 'Deployment', path, {
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
  });
}

function hook(path: string, phase: string): string {
  const spec = { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example.org/hook:1' }] } } };
  const annotations = { 'argocd.argoproj.io/hook': phase, 'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation' };
  return yamlOf('batch/v1', 'Job', `${path}-hook`, { spec }, annotations);
}

export const isHook = (object: KubeObject): boolean => object.metadata.annotations?.['argocd.argoproj.io/hook'] !== undefined;

/** What an application of this path wants of these files; undefined when they can't be rendered. */
export function wantedObjects(files: Files, path: string): KubeObject[] | undefined {
  const objects: KubeObject[] = [];
  for (const [name, text] of Object.entries(files)) {
    if (!name.startsWith(`${path}/`) || !name.endsWith('.yaml')) continue;
    for (const document of parseAllDocuments(text)) {
      if (document.errors.length > 0) return undefined;
      const object = document.toJS() as KubeObject | null;
      if (object !== null) objects.push(object);
    }
  }
  return objects;
}
