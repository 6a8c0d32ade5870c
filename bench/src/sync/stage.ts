import { randomBytes } from 'node:crypto';
import type { ApplicationSpec } from '@plumbline/contracts';
import { inClusterServer, silentLogger } from '@plumbline/contracts';
import type { KubeClient, KubeConnection } from '@plumbline/kube';
import { loadConnection, makeKubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import type { Files, GitWorkspace } from '@plumbline/testing';
import { makeRepository } from '@plumbline/testing';
import { inLanes } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { Observer } from './observer.ts';

const controlNamespace = 'argocd';
const lanes = 16;

/** A repository and a namespace of their own, and whatever Applications are created: what these benches are played on. */
export interface Stage {
  platform: RunningPlatform;
  kube: KubeClient;
  connection: KubeConnection;
  /** Of the namespace and the repository; what is made has it in its name. */
  name: string;
  git: GitWorkspace;
  /** Of all Applications. */
  applications: Observer;
  observe(group: string, version: string, kind: string): Observer;
  /** Automated Applications, one for each name and path. */
  create(applications: readonly { name: string; path: string; spec?: Partial<ApplicationSpec> }[]): Promise<void>;
  /** Commits and pushes; the commit, and when the push had ended. */
  push(files: Files): Promise<{ commit: string; startedAt: number; endedAt: number }>;
}

/** Everything that was made goes afterwards, Applications first, so that the next bench begins with nothing. */
export async function onStage(platform: RunningPlatform, files: Files, play: (stage: Stage) => Promise<void>): Promise<void> {
  await using made = new AsyncDisposableStack();
  const connection = await loadConnection({ kubeconfigPath: platform.kubeconfig, env: {} });
  const kube = makeKubeClient({ connection, log: silentLogger });
  made.defer(() => kube.close());
  const name = `b-${randomBytes(4).toString('hex')}`;
  const git = await makeRepository({ files, url: repositoryUrl(platform, name) });
  made.defer(() => git.remove());
  const namespace = { group: '', version: 'v1', kind: 'Namespace', name };
  await kube.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  made.defer(() => untilGone(kube, namespace));
  const observe = (group: string, version: string, kind: string, of = name): Observer => {
    const observer = new Observer(kube, { group, version, kind, namespace: of });
    made.defer(() => observer.stop());
    return observer;
  };
  const created: string[] = [];
  made.defer(() => inLanes(created, lanes, (one) => kube.delete({ ...applicationKind, namespace: controlNamespace, name: one })));
  await play({
    platform,
    kube,
    connection,
    name,
    git,
    applications: observe(applicationKind.group, applicationKind.version, applicationKind.kind, controlNamespace),
    observe,
    async create(applications) {
      created.push(...applications.map((one) => one.name));
      await inLanes(applications, lanes, (one) => kube.apply(applicationObject(one, { platform, name }), { fieldManager: 'kubectl' }));
    },
    async push(changes) {
      const commit = await git.commit(changes);
      const startedAt = performance.now();
      await git.push();
      return { commit, startedAt, endedAt: performance.now() };
    },
  });
}

const applicationKind = { group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' };
const repositoryUrl = (platform: RunningPlatform, name: string): string => `${platform.gitUrl}/${name}.git`;

function applicationObject(
  { name, path, spec }: { name: string; path: string; spec?: Partial<ApplicationSpec> },
  stage: Pick<Stage, 'platform' | 'name'>,
): KubeObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Application',
    metadata: { name, namespace: controlNamespace },
    spec: {
      project: 'default',
      source: { repoURL: repositoryUrl(stage.platform, stage.name), path, targetRevision: 'HEAD' },
      destination: { server: inClusterServer, namespace: stage.name },
      syncPolicy: { automated: { prune: true, selfHeal: true } },
      ...spec,
    },
  };
}

/** The controllers take their time over a namespace with Pods: the next bench shouldn't pay for it. */
async function untilGone(kube: KubeClient, namespace: { group: string; version: string; kind: string; name: string }): Promise<void> {
  for (let tries = 0; tries < 600 && (await kube.delete(namespace).catch(() => true)); tries++) await new Promise((resolve) => setTimeout(resolve, 200));
}
