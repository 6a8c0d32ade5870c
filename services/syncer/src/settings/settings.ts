import type { Logger } from '@plumbline/contracts';
import { AppError, inClusterServer } from '@plumbline/contracts';
import type { Data, KubeClient } from '@plumbline/kube';
import { watchData } from '@plumbline/kube';
import type { WatchedResources } from './watched-resources.ts';
import { watchedResources } from './watched-resources.ts';

const configMap = 'argocd-cm';

/** What the installation's ConfigMap says, as it now is. */
export interface Settings {
  hasSynced(): boolean;
  data(): Data;
  /** The last rules that could be read: what is excluded by mistake would be taken for gone. */
  watched(): WatchedResources;
  stop(): Promise<void>;
}

export interface SettingsOptions {
  kube: Pick<KubeClient, 'watch'>;
  namespace: string;
  log: Logger;
  /** Called when all is known, and at each change after that. */
  changed(): void;
}

export function watchSettings({ kube, namespace, log, changed }: SettingsOptions): Settings {
  let watched = watchedResources({}, inClusterServer);
  const settings = watchData(kube, {
    kind: 'ConfigMap',
    namespace,
    names: [configMap],
    changed() {
      try {
        watched = watchedResources(settings.of(configMap), inClusterServer);
      } catch (error) {
        log.error('a setting is not obeyed; the one before still counts', { configMap, reason: AppError.from(error).message });
      }
      if (settings.hasSynced()) changed();
    },
  });
  return { hasSynced: () => settings.hasSynced(), data: () => settings.of(configMap), watched: () => watched, stop: () => settings.stop() };
}
