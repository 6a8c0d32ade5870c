import type { SyncPolicy } from '@plumbline/contracts';
import type { Files } from '@plumbline/testing';
import type { OneApplication } from '../world/one-application.ts';

/** A point of a sync at which it waits for the world, and which therefore can be met. */
export interface SyncMoment {
  id: string;
  rows: readonly string[];
  /** Completes "syncer killed (SIGKILL) …". */
  title: string;
  expected: string;
  syncPolicy: SyncPolicy;
  files(application: OneApplication): Files;
  /** Brings the sync to this point. Answers its id. */
  reached(application: OneApplication): Promise<string>;
  /** What it waits for comes. */
  released(application: OneApplication): Promise<void>;
  /** How it ends, and what has to be in its message. */
  ends: { type: 'SyncSucceeded' | 'SyncFailed'; says: RegExp };
  /** Jobs that have run, or run, at this point. */
  hooks: readonly string[];
  /** ConfigMaps that may be there only once it goes on. */
  later: readonly string[];
}

const wave = (value: number): Record<string, string> => ({ 'argocd.argoproj.io/sync-wave': String(value) });
const hook = (phase: string): Record<string, string> => ({ 'argocd.argoproj.io/hook': phase });
const configMap = (name: string, annotations: Record<string, string> = {}, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, annotations, ...more }, data: { a: '1' } });
const podSpec = (gate: string | undefined, more: object): object => ({
  ...more,
  ...(gate === undefined ? {} : { nodeSelector: { [gate]: 'open' } }),
  containers: [{ name: 'work', image: 'busybox' }],
});
const job = (name: string, annotations: Record<string, string>, gate?: string): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, annotations },
    spec: { template: { spec: podSpec(gate, { restartPolicy: 'Never' }) } },
  });
const deployment = (gate: string, spec: object = {}): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: { ...spec, selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } }, spec: podSpec(gate, {}) } },
  });

const syncPolicy: SyncPolicy = { automated: { prune: true }, retry: { limit: 0 }, syncOptions: ['CreateNamespace=true'] };
const lastRequested = async (application: OneApplication): Promise<string> => {
  const requests = (await application.facts()).flatMap((fact) => (fact.type === 'SyncRequested' ? [fact.data.operationId] : []));
  return requests.at(-1)!;
};

const isSynced = { type: 'SyncSucceeded' as const, says: /^successfully synced/ };

export const syncMoments: readonly SyncMoment[] = [
  {
    id: 'kill-between-waves',
    rows: ['F03'],
    title: 'while a sync waits between two waves, after a PreSync hook',
    expected: 'it goes on at the step that has no outcome, the hook is not run again, and nothing of the next wave is applied before its time',
    syncPolicy,
    files: ({ gate }) => ({
      'before.json': job('before', hook('PreSync')),
      'web.json': deployment(gate),
      'later.json': configMap('later', wave(1)),
      'after.json': job('after', hook('PostSync')),
    }),
    async reached(application) {
      await application.object('Deployment', 'web');
      return lastRequested(application);
    },
    released: (application) => application.openGate(),
    ends: isSynced,
    hooks: ['before'],
    later: ['later'],
  },
  {
    id: 'kill-in-syncfail',
    rows: ['F03'],
    title: 'while the SyncFail hook of a failed sync runs',
    expected: 'the hook is not run again, and the sync fails with the reason that it had before',
    syncPolicy,
    files: ({ gate }) => ({
      'web.json': deployment(gate, { progressDeadlineSeconds: 1 }),
      'later.json': configMap('later', wave(1)),
      'tell.json': job('tell', hook('SyncFail'), gate),
    }),
    async reached(application) {
      const { data } = await application.fact('SyncFailPhaseStarted');
      await application.object('Job', 'tell');
      return data.operationId;
    },
    released: (application) => application.openGate(),
    ends: { type: 'SyncFailed', says: /Deployment .*web: it is degraded/ },
    hooks: ['tell'],
    later: ['later'],
  },
  {
    id: 'kill-awaiting-health',
    rows: ['F03'],
    title: 'while a sync that has applied everything waits for health',
    expected: 'it is not begun again, and succeeds when that comes',
    syncPolicy,
    files: ({ gate }) => ({ 'before.json': job('before', hook('PreSync')), 'web.json': deployment(gate) }),
    reached: async (application) => (await application.fact('SyncApplied', ({ data }) => data.healthUntil !== undefined)).data.operationId,
    released: (application) => application.openGate(),
    ends: isSynced,
    hooks: ['before'],
    later: [],
  },
  {
    id: 'kill-awaiting-a-word',
    rows: ['F03'],
    title: 'while a sync waits for somebody to confirm what it would prune',
    expected: 'nothing is pruned without that word, its hook is not run again, and it goes on when the word comes',
    syncPolicy,
    files: () => ({ 'old.json': configMap('old', { 'argocd.argoproj.io/sync-options': 'Prune=confirm' }), 'kept.json': configMap('kept') }),
    async reached(application) {
      await application.fact('SyncSucceeded');
      await application.push({ 'old.json': null, 'before.json': job('before', hook('PreSync')) });
      return (await application.fact('SyncConfirmationRequested')).data.operationId;
    },
    released: (application) => application.annotate({ 'argocd.argoproj.io/deletion-approved': new Date().toISOString() }),
    ends: isSynced,
    hooks: ['before'],
    later: [],
  },
  {
    id: 'kill-awaiting-deletion',
    rows: ['F03', 'F26'],
    title: 'while a sync waits for what it pruned, which a finalizer keeps',
    expected: 'what was pruned is not applied again, nothing takes its finalizer off, and the next wave comes when it has gone',
    syncPolicy,
    files: () => ({ 'sticky.json': configMap('sticky', {}, { finalizers: ['faults.example.org/hold'] }), 'kept.json': configMap('kept') }),
    async reached(application) {
      await application.fact('SyncSucceeded');
      await application.push({ 'sticky.json': null, 'before.json': job('before', hook('PreSync')), 'later.json': configMap('later', wave(1)) });
      await application.object('ConfigMap', 'sticky', ({ metadata }) => metadata.deletionTimestamp !== undefined);
      return lastRequested(application);
    },
    async released(application) {
      await application.object('ConfigMap', 'sticky', ({ metadata }) => metadata.finalizers?.includes('faults.example.org/hold') === true);
      await application.letGo('sticky');
    },
    ends: isSynced,
    hooks: ['before'],
    later: ['later'],
  },
];
