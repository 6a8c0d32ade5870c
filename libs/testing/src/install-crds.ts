import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Discovery, KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { parse } from 'yaml';
import { limits } from './limits.ts';
import { poll } from './processes/poll.ts';
import { repositoryRoot } from './repository-root.ts';

const partOf = 'app.kubernetes.io/part-of';

/**
 * Brings the resource definitions of `deploy/crds` into a cluster and waits until they are served. Definitions of the
 * same name that are not Plumbline's (an Argo CD lives there too) stay as they are: theirs allow what ours do.
 *
 * @returns names of those that were applied
 */
export async function installCrds(kube: KubeClient): Promise<string[]> {
  const dir = join(repositoryRoot, 'deploy/crds');
  const files = (await readdir(dir)).filter((file) => file.endsWith('.yaml')).sort();
  const definitions = await Promise.all(files.map(async (file) => parse(await readFile(join(dir, file), 'utf8')) as KubeObject));
  const installed = await Promise.all(definitions.map((definition) => install(kube, definition)));
  // What is established is in the server's discovery a moment later, and only what is there can be asked for.
  await poll(async () => areServed(definitions, await kube.discover({ refresh: true })), {
    what: 'the API of the resource definitions',
    timeoutMs: limits.crdReadyMs,
  });
  return installed.filter((name) => name !== undefined);
}

async function install(kube: KubeClient, definition: KubeObject): Promise<string | undefined> {
  const { name } = definition.metadata;
  const ref = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', name };
  const present = await kube.get(ref);
  if (present !== undefined && present.metadata.labels?.[partOf] !== definition.metadata.labels?.[partOf]) return undefined;
  await kube.apply(definition, { fieldManager: 'plumbline-setup' });
  await poll(async () => isEstablished(await kube.get(ref)), { what: `the resource definition ${name}`, timeoutMs: limits.crdReadyMs });
  return name;
}

function areServed(definitions: readonly KubeObject[], discovery: Discovery): boolean {
  return definitions.every((definition) => {
    const { group, names } = definition['spec'] as { group: string; names: { kind: string } };
    return discovery.findKind(group, names.kind) !== undefined;
  });
}

function isEstablished(definition: KubeObject | undefined): boolean {
  const { conditions = [] } = (definition?.['status'] ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === 'Established' && status === 'True');
}
