import { existsSync } from 'node:fs';

import type { PlatformState } from './state.ts';

/** What `npm start` prints when everything answers. */
export function describePlatform(state: Readonly<PlatformState>, durationMs: number, { kubectl }: { kubectl: string }): string {
  const rows: [string, string][] = [
    ['API', state.api ?? '-'],
    ['gRPC', state.grpc ?? '-'],
    ['User', `admin, password ${state.password ?? '(the Secret argocd-initial-admin-secret was removed)'}`],
    ['kubeconfig', state.kubeconfig ?? '-'],
    ...(existsSync(kubectl) ? [['kubectl', `${kubectl} (of the cluster's own version)`] as [string, string]] : []),
    ...(state.gitUrl ? [['Git', `push to ${state.gitUrl}/my-argocd-demo.git (any name below it; any credentials do)`] as [string, string]] : []),
    ['PostgreSQL', state.postgres?.description ?? '-'],
    ['NATS', state.nats?.description ?? '-'],
    ['Redis', state.redis?.description ?? 'none: the queues are in PostgreSQL'],
  ];
  return [`\nPlumbline is ready after ${(durationMs / 1000).toFixed(1)} s.\n`, ...rows.map(([name, value]) => `  ${name.padEnd(11)} ${value}`), ''].join('\n');
}
