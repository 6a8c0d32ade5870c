import { durationMs } from '../domain/durations.ts';
import { limits } from '../limits.ts';

/** What the installation says about the life of a sync. Each is there to get Argo CD's exact behaviour back. */
export interface SyncSettings {
  /** How long an applied sync waits for health; 0: it has succeeded as soon as everything is applied (B014). */
  healthTimeoutMs: number;
  /** How long a sync may take until everything is applied, its retries included; 0: as long as it takes (B098). */
  timeoutMs: number;
  /** A sync waits for an Ingress or a Service of type LoadBalancer that has no address (B013). */
  awaitsLoadBalancers: boolean;
  /** A newer commit takes the place of a sync that waits for objects of an older one. */
  supersedes: boolean;
  /** Applications that an application makes count with their health, as other objects do. */
  countsChildApplications: boolean;
  /** A Job that succeeded and that its TTL removed is not missing (U15). */
  remembersFinishedJobs: boolean;
}

/** `data` of the ConfigMap argocd-cm. What can't be read counts as not given. */
export function syncSettings(data: Readonly<Record<string, string>>): SyncSettings {
  const timeout = data['plumbline.sync.healthTimeout'];
  return {
    healthTimeoutMs: (timeout === undefined ? undefined : durationMs(timeout)) ?? limits.healthTimeoutMs,
    timeoutMs: durationMs(data['plumbline.sync.timeout'] ?? '') ?? 0,
    awaitsLoadBalancers: data['plumbline.sync.awaitLoadBalancers'] === 'true',
    supersedes: data['plumbline.sync.supersede'] !== 'false',
    countsChildApplications: data['plumbline.health.childApplications'] !== 'false',
    remembersFinishedJobs: data['plumbline.sync.rememberFinishedJobs'] !== 'false',
  };
}

/** The sync option `HealthTimeout=<duration>` of an application, or the installation's word. */
export function healthTimeoutMs(settings: SyncSettings, syncOptions: readonly string[] = []): number {
  const prefix = 'HealthTimeout=';
  const own = syncOptions.findLast((option) => option.startsWith(prefix));
  return (own === undefined ? undefined : durationMs(own.slice(prefix.length))) ?? settings.healthTimeoutMs;
}
