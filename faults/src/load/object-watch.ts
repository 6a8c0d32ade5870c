import type { KubeClient, Watch } from '@plumbline/kube';
import { limits } from '../limits.ts';
import { applicationName, secretName } from './workload.ts';

/** Watches what the applications own: the suite never removes any of it, so nothing may go. */
export class ObjectWatch {
  readonly removed: string[] = [];
  readonly values = new Map<string, string>();
  readonly #watches: Watch[] = [];

  constructor(kube: KubeClient) {
    for (let index = 0; index < limits.applications; index++) {
      const namespace = applicationName(index);
      this.#watches.push(
        kube.watch({
          group: '',
          version: 'v1',
          kind: 'ConfigMap',
          namespace,
          listener: {
            upsert: (object) => void this.values.set(`${namespace}/${object.metadata.name}`, (object['data'] as { value?: string } | undefined)?.value ?? ''),
            remove: ({ metadata }) => void this.removed.push(`ConfigMap ${namespace}/${metadata.name}`),
          },
        }),
        kube.watch({
          group: '',
          version: 'v1',
          kind: 'Secret',
          namespace,
          listener: {
            upsert: () => undefined,
            remove: ({ metadata }) => void (metadata.name === secretName && this.removed.push(`Secret ${namespace}/${metadata.name}`)),
          },
        }),
      );
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#watches.map((watch) => watch.stop()));
  }
}
