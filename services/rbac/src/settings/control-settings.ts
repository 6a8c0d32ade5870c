import type { KubeClient, Watch } from '@plumbline/kube';
import { readAccounts } from '@plumbline/policy';
import type { Account } from '@plumbline/policy';

type Data = Readonly<Record<string, string>>;

/** Argo CD reads only ConfigMaps and Secrets that carry this label; so a watch of it sees no other Secret. */
export const partOfArgocd = { 'app.kubernetes.io/part-of': 'argocd' } as const;
const labelSelector = 'app.kubernetes.io/part-of=argocd';

/** ConfigMaps argocd-cm and argocd-rbac-cm and the Secret argocd-secret as they now are. In memory only. */
export interface ControlSettings {
  isKnown(): boolean;
  /** Called at every change, and when the first complete view is there. */
  onChange(listener: () => void): void;
  settings(): Data;
  policySettings(): Data;
  secret(): Data;
  accounts(): ReadonlyMap<string, Account>;
  stop(): Promise<void>;
}

export function watchControlSettings(kube: KubeClient, namespace: string): ControlSettings {
  const listeners: (() => void)[] = [];
  const changed = (): void => listeners.forEach((listener) => listener());
  const configMaps = new Map<string, Data>();
  const secrets = new Map<string, Data>();
  let accounts: ReadonlyMap<string, Account> | undefined;
  const watch = (kind: 'ConfigMap' | 'Secret', names: readonly string[], into: Map<string, Data>): Watch =>
    kube.watch({
      group: '',
      version: 'v1',
      kind,
      namespace,
      labelSelector,
      listener: {
        upsert: (object) => {
          if (!names.includes(object.metadata.name)) return;
          into.set(object.metadata.name, kind === 'Secret' ? decodedData(object) : dataOf(object));
          accounts = undefined;
          changed();
        },
        remove: (object) => {
          if (!into.delete(object.metadata.name)) return;
          accounts = undefined;
          changed();
        },
        synced: changed,
      },
    });
  const watches = [watch('ConfigMap', ['argocd-cm', 'argocd-rbac-cm'], configMaps), watch('Secret', ['argocd-secret'], secrets)];
  return {
    isKnown: () => watches.every((each) => each.hasSynced()),
    onChange: (listener) => void listeners.push(listener),
    settings: () => configMaps.get('argocd-cm') ?? {},
    policySettings: () => configMaps.get('argocd-rbac-cm') ?? {},
    secret: () => secrets.get('argocd-secret') ?? {},
    accounts: () => (accounts ??= readAccounts(configMaps.get('argocd-cm') ?? {}, secrets.get('argocd-secret') ?? {})),
    stop: async () => void (await Promise.all(watches.map((each) => each.stop()))),
  };
}

export const dataOf = (object: { readonly [field: string]: unknown }): Data => {
  const data = object['data'];
  if (typeof data !== 'object' || data === null) return {};
  return Object.fromEntries(Object.entries(data).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
};

/** A Secret's data, decoded. */
export const decodedData = (object: { readonly [field: string]: unknown }): Data =>
  Object.fromEntries(Object.entries(dataOf(object)).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]));
