import { fakeNodeAnnotation } from './arguments.ts';
import type { ClusterAccess } from './cluster-access.ts';

/** Declares `node-0` … as KWOK wants them; it fills in the rest and keeps them Ready. */
export async function declareNodes(access: ClusterAccess, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `node-${index}`);
  await Promise.all(names.map((name) => access.apply(`/api/v1/nodes/${name}`, fakeNode(name))));
}

function fakeNode(name: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [fakeNodeAnnotation.name]: fakeNodeAnnotation.value },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': 'local',
      },
    },
  };
}
