import type { Data, KubeClient } from '@plumbline/kube';
import { watchData } from '@plumbline/kube';
import { readAccounts } from '@plumbline/policy';
import type { Account } from '@plumbline/policy';

/** The Secret argocd-secret and the ConfigMap argocd-cm as they now are. In memory only, never logged. */
export interface ControlSettings {
  isKnown(): boolean;
  settings(): Data;
  secret(): Data;
  accounts(): ReadonlyMap<string, Account>;
  stop(): Promise<void>;
}

export function watchControlSettings(kube: KubeClient, namespace: string): ControlSettings {
  let accounts: ReadonlyMap<string, Account> | undefined;
  const changed = (): void => void (accounts = undefined);
  const configMaps = watchData(kube, { kind: 'ConfigMap', namespace, names: ['argocd-cm'], changed });
  const secrets = watchData(kube, { kind: 'Secret', namespace, names: ['argocd-secret'], changed });
  return {
    isKnown: () => configMaps.hasSynced() && secrets.hasSynced(),
    settings: () => configMaps.of('argocd-cm'),
    secret: () => secrets.of('argocd-secret'),
    accounts: () => (accounts ??= readAccounts(configMaps.of('argocd-cm'), secrets.of('argocd-secret'))),
    stop: async () => void (await Promise.all([configMaps.stop(), secrets.stop()])),
  };
}
