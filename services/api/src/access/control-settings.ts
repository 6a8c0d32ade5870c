import type { KubeClient, Watch } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { readAccounts } from '@plumbline/policy';
import type { Account } from '@plumbline/policy';

type Data = Readonly<Record<string, string>>;

/** The Secret argocd-secret and the ConfigMap argocd-cm as they now are. In memory only, never logged. */
export interface ControlSettings {
  isKnown(): boolean;
  settings(): Data;
  secret(): Data;
  accounts(): ReadonlyMap<string, Account>;
  stop(): Promise<void>;
}

/** As Argo CD does, only objects with the label part-of: argocd are read; so no other Secret is ever seen. */
export function watchControlSettings(kube: KubeClient, namespace: string): ControlSettings {
  let settings: Data = {};
  let secret: Data = {};
  let accounts: ReadonlyMap<string, Account> | undefined;
  const watch = (kind: 'ConfigMap' | 'Secret', name: string, take: (data: Data) => void): Watch => {
    const listener = (object: KubeObject, data: Data): void => {
      if (object.metadata.name !== name) return;
      take(data);
      accounts = undefined;
    };
    return kube.watch({
      group: '',
      version: 'v1',
      kind,
      namespace,
      labelSelector: 'app.kubernetes.io/part-of=argocd',
      listener: { upsert: (object) => listener(object, dataOf(object)), remove: (object) => listener(object, {}) },
    });
  };
  const watches = [watch('ConfigMap', 'argocd-cm', (data) => void (settings = data)), watch('Secret', 'argocd-secret', (data) => void (secret = data))];
  return {
    isKnown: () => watches.every((each) => each.hasSynced()),
    settings: () => settings,
    secret: () => secret,
    accounts: () => (accounts ??= readAccounts(settings, secret)),
    stop: async () => void (await Promise.all(watches.map((each) => each.stop()))),
  };
}

function dataOf(object: KubeObject): Data {
  const data = object['data'];
  if (typeof data !== 'object' || data === null) return {};
  const texts = Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(object.kind === 'Secret' ? texts.map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]) : texts);
}
