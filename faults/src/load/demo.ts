import { inClusterServer, type Application } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import type { Files } from '@plumbline/testing';
import { limits } from '../limits.ts';
import type { Random } from '../random.ts';

/** What Git wants of one application: name of a ConfigMap → its value. */
interface Wanted {
  configMaps: Map<string, string>;
}

export interface Change {
  files: Files;
  applications: string[];
}

const applicationNames = Array.from({ length: limits.applications }, (_, index) => `app-${index}`);

/**
 * The applications of the load, all in one repository: each a folder with a few ConfigMaps, one of them coming and
 * going, and a Secret with a canary. This is the model that cluster and log are compared with.
 */
export class Demo {
  readonly names: readonly string[] = applicationNames;
  readonly canary: string;
  readonly #wanted = new Map<string, Wanted>();
  #value = 0;

  /** `canary`: a value that may be nowhere but in the Secrets and in what Git itself holds. */
  constructor(canary: string) {
    this.canary = canary;
    for (const name of this.names) {
      const configMaps = new Map(Array.from({ length: limits.configMapsPerApplication }, (_, index) => [`keep-${index}`, '0']));
      this.#wanted.set(name, { configMaps });
    }
  }

  namespaceOf(application: string): string {
    return `faults-${application}`;
  }

  wantedOf(application: string): ReadonlyMap<string, string> {
    return this.#wanted.get(application)!.configMaps;
  }

  firstFiles(): Files {
    return Object.fromEntries(this.names.flatMap((name) => [...this.#filesOf(name), [`${name}/secret.json`, secret(this.canary)]]));
  }

  /** One or two applications get new values; now and then an object comes or goes. */
  change(random: Random): Change {
    const applications = [...new Set(Array.from({ length: random.int(1, 2) }, () => random.pick(this.names)))];
    const files: Record<string, string | null> = {};
    for (const name of applications) {
      const { configMaps } = this.#wanted.get(name)!;
      this.#value++;
      configMaps.set(`keep-${random.int(0, limits.configMapsPerApplication - 1)}`, String(this.#value));
      if (random.chance(0.15)) {
        if (configMaps.has('extra')) {
          configMaps.delete('extra');
          files[`${name}/extra.json`] = null;
        } else configMaps.set('extra', String(this.#value));
      }
      Object.assign(files, Object.fromEntries(this.#filesOf(name)));
    }
    return { files, applications };
  }

  /** Every ConfigMap that Git always wants gets a new value. */
  changeAll(): Change {
    this.#value++;
    for (const { configMaps } of this.#wanted.values()) for (const name of configMaps.keys()) configMaps.set(name, String(this.#value));
    return { files: Object.fromEntries(this.names.flatMap((name) => this.#filesOf(name))), applications: [...this.names] };
  }

  applicationOf(name: string, repoUrl: string): Application {
    return {
      apiVersion: 'argoproj.io/v1alpha1',
      kind: 'Application',
      metadata: { name, namespace: 'argocd' },
      spec: {
        project: 'default',
        source: { repoURL: repoUrl, path: name, targetRevision: 'main' },
        destination: { server: inClusterServer, namespace: this.namespaceOf(name) },
        syncPolicy: { automated: { prune: true, selfHeal: true }, syncOptions: ['CreateNamespace=true'] },
      },
    };
  }

  #filesOf(name: string): [string, string][] {
    return [...this.wantedOf(name)].map(([configMap, value]) => [`${name}/${configMap}.json`, json({ kind: 'ConfigMap', name: configMap, data: { value } })]);
  }
}

const json = ({ kind, name, data }: { kind: string; name: string; data: Record<string, string> }): string =>
  JSON.stringify({ apiVersion: 'v1', kind, metadata: { name }, data } satisfies Partial<KubeObject>);

const secret = (canary: string): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'token' },
    stringData: { token: canary },
    data: { copy: Buffer.from(`${canary}-copy`).toString('base64') },
  });
