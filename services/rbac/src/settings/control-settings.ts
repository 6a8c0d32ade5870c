import type { Data, KubeClient } from '@plumbline/kube';
import { watchData } from '@plumbline/kube';
import { readAccounts } from '@plumbline/policy';
import type { Account } from '@plumbline/policy';

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
  let accounts: ReadonlyMap<string, Account> | undefined;
  const changed = (): void => {
    accounts = undefined;
    listeners.forEach((listener) => listener());
  };
  const configMaps = watchData(kube, { kind: 'ConfigMap', namespace, names: ['argocd-cm', 'argocd-rbac-cm'], changed });
  const secrets = watchData(kube, { kind: 'Secret', namespace, names: ['argocd-secret'], changed });
  return {
    isKnown: () => configMaps.hasSynced() && secrets.hasSynced(),
    onChange: (listener) => void listeners.push(listener),
    settings: () => configMaps.of('argocd-cm'),
    policySettings: () => configMaps.of('argocd-rbac-cm'),
    secret: () => secrets.of('argocd-secret'),
    accounts: () => (accounts ??= readAccounts(configMaps.of('argocd-cm'), secrets.of('argocd-secret'))),
    stop: async () => void (await Promise.all([configMaps.stop(), secrets.stop()])),
  };
}
