import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildOptions, GoProgramSet } from '../go-programs.ts';
import { buildGoPrograms } from '../go-programs.ts';
import { repositoryRoot } from '../repository-root.ts';

/** Paths of what a control plane consists of. */
export interface ControlPlanePrograms {
  etcd: string;
  apiServer: string;
  controllerManager: string;
  scheduler: string;
  kubectl: string;
  kwok: string;
  /** File with the stages that KWOK takes nodes and Pods through. */
  kwokStages: string;
}

const moduleDir = (name: string): string => join(repositoryRoot, 'tools/go', name);

const kubernetesVersion = 'v1.34.4';
const [major, minor] = kubernetesVersion.slice(1).split('.');

const kubernetes: GoProgramSet = {
  name: 'kubernetes',
  version: kubernetesVersion,
  moduleDir: moduleDir('kubernetes'),
  programs: {
    'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
    'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
    'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
    kubectl: 'k8s.io/kubernetes/cmd/kubectl',
  },
  // Kubernetes' own build sets these too; without them the server says it is v0.0.0 and Helm's capabilities are wrong.
  ldflags: ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) => [
    `-X ${path}.gitVersion=${kubernetesVersion}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
    `-X ${path}.gitTreeState=clean`,
  ]),
  label: 'the Kubernetes control plane (once, 5 to 6 minutes on two cores)',
};

const etcd: GoProgramSet = {
  name: 'etcd',
  version: 'v3.6.16',
  moduleDir: moduleDir('etcd'),
  programs: { etcd: '.' },
  label: 'etcd (once, about a minute)',
};

/** Without stages KWOK ends at once: they are files of its module, not part of the program. */
const stageDirs = ['kustomize/stage/pod/fast', 'kustomize/stage/node/fast', 'kustomize/stage/node/heartbeat-with-lease'];
const stagesFile = 'stages.yaml';

const kwok: GoProgramSet = {
  name: 'kwok',
  version: 'v0.7.0',
  moduleDir: moduleDir('kwok'),
  programs: { kwok: 'sigs.k8s.io/kwok/cmd/kwok' },
  label: 'KWOK (once, about a minute)',
  addFiles: async (dir, go) => {
    const module = await go(['list', '-m', '-f', '{{.Dir}}', 'sigs.k8s.io/kwok']);
    const stages: string[] = [];
    for (const stageDir of stageDirs) {
      const files = (await readdir(join(module, stageDir))).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml');
      stages.push(...(await Promise.all(files.sort().map((file) => readFile(join(module, stageDir, file), 'utf8')))));
    }
    await writeFile(join(dir, stagesFile), stages.join('\n---\n'));
  },
};

/** Finds or builds everything. The first time takes minutes, later ones milliseconds. */
export async function findControlPlanePrograms(options: BuildOptions = {}): Promise<ControlPlanePrograms> {
  const kubernetesDir = await buildGoPrograms(kubernetes, options);
  const etcdDir = await buildGoPrograms(etcd, options);
  const kwokDir = await buildGoPrograms(kwok, options);
  return {
    etcd: join(etcdDir, 'etcd'),
    apiServer: join(kubernetesDir, 'kube-apiserver'),
    controllerManager: join(kubernetesDir, 'kube-controller-manager'),
    scheduler: join(kubernetesDir, 'kube-scheduler'),
    kubectl: join(kubernetesDir, 'kubectl'),
    kwok: join(kwokDir, 'kwok'),
    kwokStages: join(kwokDir, stagesFile),
  };
}
