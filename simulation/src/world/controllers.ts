import type { MemoryCluster } from '@plumbline/kube';
import { groupVersionKind, type KubeObject } from '@plumbline/manifests';
import type { Random } from '../random.ts';
import type { Agenda } from '../time/agenda.ts';

/** What the cluster's own controllers do: some time after a Deployment or a Job changed, they say that it is done. */
export class Controllers {
  readonly #agenda: Agenda;
  readonly #random: Random;

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda;
    this.#random = random;
  }

  changed(cluster: MemoryCluster, object: KubeObject): void {
    if (object.kind !== 'Deployment' && object.kind !== 'Job') return;
    const { namespace = '', name, uid } = object.metadata;
    this.#agenda.in(this.#random.integer(20, 4_000), `controller of ${object.kind} ${name}`, () => {
      const ref = { ...groupVersionKind(object), namespace, name };
      const now = cluster.get(ref);
      if (now === undefined || now.metadata.uid !== uid) return;
      cluster.writeStatus(ref, statusOf(now), 'kube-controller-manager');
    });
  }
}

function statusOf(object: KubeObject): Record<string, unknown> {
  if (object.kind === 'Job') return { succeeded: 1, conditions: [{ type: 'Complete', status: 'True' }] };
  const { replicas = 1 } = object['spec'] as { replicas?: number };
  return { observedGeneration: object.metadata.generation, replicas, updatedReplicas: replicas, availableReplicas: replicas, readyReplicas: replicas };
}
