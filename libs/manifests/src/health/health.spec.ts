import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applicationHealth, hasHealthCheck, health, worstHealth, type HealthStatus, type JudgedResource } from './health.ts';
import type { KubeObject } from '../object.ts';

const object = (apiVersion: string, kind: string, fields: Record<string, unknown>, metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion,
  kind,
  metadata: { name: 'x', ...metadata },
  ...fields,
});
const condition = (type: string, status: string, reason = '', message = ''): Record<string, string> => ({ type, status, reason, message });
type Row = [name: string, fields: Record<string, unknown>, status: HealthStatus, message?: RegExp];
const table = (apiVersion: string, kind: string, rows: readonly Row[], metadata: Partial<KubeObject['metadata']> = {}): void => {
  describe(`${kind} (${apiVersion})`, () => {
    test.each(rows)('%s', (_name, fields, status, message) => {
      const judged = health(object(apiVersion, kind, fields, metadata));
      expect(judged?.status).toBe(status);
      if (message !== undefined) expect(judged?.message).toMatch(message);
    });
  });
};

const rolledOut = { observedGeneration: 2, replicas: 3, updatedReplicas: 3, availableReplicas: 3, readyReplicas: 3 };
table(
  'apps/v1',
  'Deployment',
  [
    ['rolled out', { spec: { replicas: 3 }, status: rolledOut }, 'Healthy'],
    ['scaled to nothing', { spec: { replicas: 0 }, status: { observedGeneration: 2 } }, 'Healthy'],
    ['paused', { spec: { paused: true }, status: {} }, 'Suspended'],
    ['no status yet', { spec: { replicas: 3 } }, 'Progressing', /not seen/],
    ['old status', { spec: { replicas: 3 }, status: { ...rolledOut, observedGeneration: 1 } }, 'Progressing', /not seen/],
    [
      'deadline exceeded',
      { spec: { replicas: 3 }, status: { ...rolledOut, conditions: [condition('Progressing', 'False', 'ProgressDeadlineExceeded')] } },
      'Degraded',
      /deadline/,
    ],
    ['updating', { spec: { replicas: 3 }, status: { ...rolledOut, updatedReplicas: 1 } }, 'Progressing', /1 of 3 .*updated/],
    ['old ones left', { spec: { replicas: 3 }, status: { ...rolledOut, replicas: 4 } }, 'Progressing', /1 old/],
    ['not available', { spec: { replicas: 3 }, status: { ...rolledOut, availableReplicas: 2 } }, 'Progressing', /2 of 3/],
  ],
  { generation: 2 },
);
table(
  'apps/v1',
  'StatefulSet',
  [
    ['rolled out', { spec: { replicas: 3 }, status: { ...rolledOut, updateRevision: 'r2', currentRevision: 'r2' } }, 'Healthy'],
    ['never observed', { spec: { replicas: 0 }, status: {} }, 'Progressing'],
    ['not ready', { spec: { replicas: 3 }, status: { ...rolledOut, readyReplicas: 1 } }, 'Progressing', /1 of 3/],
    [
      'partition not reached',
      { spec: { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } }, status: { ...rolledOut, updatedReplicas: 1 } },
      'Progressing',
      /1 of 2/,
    ],
    [
      'partition reached, revisions still differ',
      {
        spec: { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } },
        status: { ...rolledOut, updatedReplicas: 2, updateRevision: 'r2', currentRevision: 'r1' },
      },
      'Healthy',
      /partition/,
    ],
    [
      'on delete',
      { spec: { replicas: 3, updateStrategy: { type: 'OnDelete' } }, status: { ...rolledOut, updateRevision: 'r2', currentRevision: 'r1' } },
      'Healthy',
    ],
    [
      'revisions differ',
      { spec: { replicas: 3, updateStrategy: { type: 'RollingUpdate' } }, status: { ...rolledOut, updateRevision: 'r2', currentRevision: 'r1' } },
      'Progressing',
      /r2/,
    ],
  ],
  { generation: 2 },
);
table(
  'apps/v1',
  'DaemonSet',
  [
    ['on every node', { spec: {}, status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2 } }, 'Healthy'],
    ['old status', { spec: {}, status: {} }, 'Progressing'],
    ['on delete', { spec: { updateStrategy: { type: 'OnDelete' } }, status: { observedGeneration: 1, desiredNumberScheduled: 2 } }, 'Healthy'],
    [
      'updating',
      { spec: {}, status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 1, numberAvailable: 2 } },
      'Progressing',
      /1 of 2 .*updated/,
    ],
    [
      'not available',
      { spec: {}, status: { observedGeneration: 1, desiredNumberScheduled: 2, updatedNumberScheduled: 2 } },
      'Progressing',
      /0 of 2 .*available/,
    ],
  ],
  { generation: 1 },
);
table(
  'apps/v1',
  'ReplicaSet',
  [
    ['complete', { spec: { replicas: 2 }, status: { observedGeneration: 1, availableReplicas: 2 } }, 'Healthy'],
    ['old status', { spec: { replicas: 2 }, status: { availableReplicas: 2 } }, 'Progressing'],
    [
      'failing',
      { spec: { replicas: 2 }, status: { observedGeneration: 1, conditions: [condition('ReplicaFailure', 'True', 'FailedCreate', 'quota exceeded')] } },
      'Degraded',
      /quota/,
    ],
    ['not available', { spec: { replicas: 2 }, status: { observedGeneration: 1, availableReplicas: 1 } }, 'Progressing', /1 of 2/],
  ],
  { generation: 1 },
);

const pod = (restartPolicy: string, status: Record<string, unknown>): Record<string, unknown> => ({ spec: { restartPolicy }, status });
const waiting = (reason: string, message = ''): Record<string, unknown> => ({ containerStatuses: [{ name: 'c', state: { waiting: { reason, message } } }] });
const ended = (terminated: Record<string, unknown>): Record<string, unknown> => ({ name: 'c', state: { terminated } });
table('v1', 'Pod', [
  ['ready', pod('Always', { phase: 'Running', conditions: [condition('Ready', 'True')] }), 'Healthy'],
  ['starting', pod('Always', { phase: 'Running', conditions: [condition('Ready', 'False')] }), 'Progressing'],
  ['restarted and not ready', pod('Always', { phase: 'Running', containerStatuses: [{ lastState: { terminated: { exitCode: 1 } } }] }), 'Degraded'],
  [
    'restarted and ready',
    pod('Always', { phase: 'Running', conditions: [condition('Ready', 'True')], containerStatuses: [{ lastState: { terminated: { exitCode: 1 } } }] }),
    'Healthy',
  ],
  ['pending', pod('Always', { phase: 'Pending' }), 'Progressing'],
  ['creating', pod('Always', { phase: 'Pending', ...waiting('ContainerCreating') }), 'Progressing'],
  ['image can not be pulled', pod('Always', { phase: 'Pending', ...waiting('ErrImagePull', 'no such image') }), 'Degraded', /no such image/],
  ['back-off', pod('Always', { phase: 'Running', ...waiting('CrashLoopBackOff') }), 'Degraded', /CrashLoopBackOff/],
  ['bad config', pod('Always', { phase: 'Pending', ...waiting('CreateContainerConfigError') }), 'Degraded'],
  ['back-off of a pod that may end', pod('Never', { phase: 'Pending', ...waiting('ImagePullBackOff') }), 'Progressing'],
  [
    'back-off of an init container',
    pod('Always', { phase: 'Pending', initContainerStatuses: [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }] }),
    'Progressing',
  ],
  ['running and may end', pod('OnFailure', { phase: 'Running', conditions: [condition('Ready', 'True')] }), 'Progressing'],
  ['succeeded', pod('Never', { phase: 'Succeeded' }), 'Healthy'],
  ['failed with a message', pod('Never', { phase: 'Failed', message: 'evicted' }), 'Degraded', /^evicted$/],
  [
    'failed with the container’s message',
    pod('Never', { phase: 'Failed', containerStatuses: [ended({ message: 'boom', exitCode: 2 })] }),
    'Degraded',
    /^boom$/,
  ],
  ['out of memory', pod('Never', { phase: 'Failed', containerStatuses: [ended({ reason: 'OOMKilled', exitCode: 137 })] }), 'Degraded', /^OOMKilled$/],
  [
    'failed with an exit code',
    pod('Never', { phase: 'Failed', initContainerStatuses: [ended({ exitCode: 0 })], containerStatuses: [ended({ exitCode: 3 })] }),
    'Degraded',
    /c .*exit code 3/,
  ],
  ['no phase', pod('Always', {}), 'Unknown'],
]);
table('v1', 'Pod', [['that ignores its restart policy', pod('Never', { phase: 'Pending', ...waiting('ImagePullBackOff') }), 'Degraded']], {
  annotations: { 'argocd.argoproj.io/ignore-restart-policy': 'true' },
});
table('v1', 'Pod', [['that is a hook', pod('Never', { phase: 'Pending', ...waiting('ImagePullBackOff') }), 'Progressing']], {
  annotations: { 'argocd.argoproj.io/ignore-restart-policy': 'true', 'argocd.argoproj.io/hook': 'PreSync' },
});
table('batch/v1', 'Job', [
  ['running', { status: {} }, 'Progressing'],
  ['complete', { status: { conditions: [condition('Complete', 'True')] } }, 'Healthy'],
  ['failed', { status: { conditions: [condition('FailureTarget', 'True'), condition('Failed', 'True', '', 'too many retries')] } }, 'Degraded', /too many/],
  ['suspended', { status: { conditions: [condition('Suspended', 'True')] } }, 'Suspended'],
  ['resumed', { status: { conditions: [condition('Suspended', 'False')] } }, 'Progressing'],
]);
table('batch/v1', 'CronJob', [
  ['suspended', { spec: { suspend: true }, status: {} }, 'Suspended'],
  ['no status', { spec: {} }, 'Progressing'],
  ['never scheduled', { spec: {}, status: {} }, 'Healthy'],
  ['never succeeded', { spec: {}, status: { lastScheduleTime: '2026-01-01T00:00:00Z' } }, 'Healthy'],
  ['running', { spec: {}, status: { lastScheduleTime: '2026-01-02T00:00:00Z', lastSuccessfulTime: '2026-01-01T00:00:00Z', active: [{}] } }, 'Healthy'],
  ['last run failed', { spec: {}, status: { lastScheduleTime: '2026-01-02T00:00:00Z', lastSuccessfulTime: '2026-01-01T00:00:00Z' } }, 'Degraded'],
  ['last run succeeded', { spec: {}, status: { lastScheduleTime: '2026-01-02T00:00:00Z', lastSuccessfulTime: '2026-01-02T00:00:09Z' } }, 'Healthy'],
]);
const address = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
table('v1', 'Service', [
  ['inside only', { spec: { type: 'ClusterIP' } }, 'Healthy'],
  ['load balancer without address', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: {} } }, 'Progressing'],
  ['load balancer with address', { spec: { type: 'LoadBalancer' }, status: address }, 'Healthy'],
]);
table('networking.k8s.io/v1', 'Ingress', [
  ['without address', { spec: {} }, 'Progressing'],
  ['with address', { spec: {}, status: address }, 'Healthy'],
]);
table('v1', 'PersistentVolumeClaim', [
  ['bound', { status: { phase: 'Bound' } }, 'Healthy'],
  ['pending', { status: { phase: 'Pending' } }, 'Progressing'],
  ['lost', { status: { phase: 'Lost' } }, 'Degraded'],
  ['unheard of', {}, 'Unknown'],
]);
const autoscaler: Row[] = [
  ['not reported', { status: {} }, 'Progressing'],
  ['able', { status: { conditions: [condition('AbleToScale', 'True', 'ReadyForNewScale'), condition('ScalingActive', 'True')] } }, 'Healthy'],
  ['no metrics', { status: { conditions: [condition('ScalingActive', 'False', 'FailedGetResourceMetric', 'no metrics API')] } }, 'Degraded', /no metrics API/],
  ['not able', { status: { conditions: [condition('AbleToScale', 'False', 'FailedGetScale', 'no such target')] } }, 'Degraded'],
  [
    'the first that says something decides',
    { status: { conditions: [condition('AbleToScale', 'True'), condition('ScalingActive', 'False', 'FailedGetResourceMetric')] } },
    'Healthy',
  ],
];
table('autoscaling/v2', 'HorizontalPodAutoscaler', autoscaler);
for (const [name, fields, status, message] of autoscaler) {
  const conditions = JSON.stringify((fields['status'] as { conditions?: unknown }).conditions ?? []);
  table('autoscaling/v1', 'HorizontalPodAutoscaler', [[name, {}, status, message] as Row], {
    annotations: { 'autoscaling.alpha.kubernetes.io/conditions': conditions },
  });
}
table('autoscaling/v1', 'HorizontalPodAutoscaler', [['broken annotation', {}, 'Unknown']], {
  annotations: { 'autoscaling.alpha.kubernetes.io/conditions': '{' },
});
table('policy/v1', 'PodDisruptionBudget', [
  ['no status', {}, 'Progressing'],
  ['enough pods', { status: { conditions: [condition('DisruptionAllowed', 'True', 'SufficientPods')] } }, 'Healthy'],
  ['too few pods are allowed', { status: { conditions: [condition('DisruptionAllowed', 'False', 'InsufficientPods')] } }, 'Healthy'],
  ['can not be computed', { status: { conditions: [condition('DisruptionAllowed', 'False', 'SyncFailed')] } }, 'Degraded'],
]);
table('apiregistration.k8s.io/v1', 'APIService', [
  ['available', { status: { conditions: [condition('Available', 'True')] } }, 'Healthy'],
  ['not available', { status: { conditions: [condition('Available', 'False', '', 'no endpoints')] } }, 'Progressing', /no endpoints/],
]);
table('apiextensions.k8s.io/v1', 'CustomResourceDefinition', [
  ['just made', {}, 'Progressing'],
  ['established', { status: { conditions: [condition('NamesAccepted', 'True'), condition('Established', 'True')] } }, 'Healthy'],
  ['name taken', { status: { conditions: [condition('NamesAccepted', 'False', '', 'taken'), condition('Established', 'False')] } }, 'Degraded', /taken/],
  ['going', { status: { conditions: [condition('Established', 'True'), condition('Terminating', 'True')] } }, 'Progressing'],
  [
    'schema with violations',
    { status: { conditions: [condition('Established', 'True'), condition('NonStructuralSchema', 'True', '', 'bad')] } },
    'Degraded',
    /bad/,
  ],
]);
table('v1', 'Namespace', [
  ['active', { status: { phase: 'Active' } }, 'Healthy'],
  ['terminating', { status: { phase: 'Terminating' } }, 'Progressing'],
]);

describe('deletion', () => {
  test('is pending for any kind', () => {
    expect(health(object('v1', 'ConfigMap', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toEqual({
      status: 'Progressing',
      message: 'Pending deletion',
    });
  });
  test('does not hide the result of a hook', () => {
    const job = object(
      'batch/v1',
      'Job',
      { status: { conditions: [condition('Complete', 'True')] } },
      { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['argocd.argoproj.io/hook-finalizer'] },
    );
    expect(health(job)?.status).toBe('Healthy');
  });
});

test('kinds without a check have no health, look-alikes of other groups neither', () => {
  expect(health(object('v1', 'ConfigMap', {}))).toBeUndefined();
  expect(health(object('x.io/v1', 'Deployment', {}))).toBeUndefined();
  expect(hasHealthCheck('', 'Pod')).toBe(true);
  expect(hasHealthCheck('', 'toString')).toBe(false);
});

test('no shape of status or spec breaks a check', () => {
  const kinds = fc.constantFrom(
    ['apps/v1', 'Deployment'],
    ['apps/v1', 'StatefulSet'],
    ['apps/v1', 'DaemonSet'],
    ['v1', 'Pod'],
    ['batch/v1', 'CronJob'],
    ['autoscaling/v2', 'HorizontalPodAutoscaler'],
    ['v1', 'Service'],
  );
  fc.assert(
    fc.property(kinds, fc.jsonValue(), fc.jsonValue(), ([apiVersion, kind], spec, status) => {
      expect(worstHealth([health(object(apiVersion, kind, { spec, status }))!.status])).toBeTypeOf('string');
    }),
  );
});

describe('application', () => {
  const resource = (name: string, status: HealthStatus | undefined, isLive = true, message?: string): JudgedResource => ({
    group: 'apps',
    kind: 'Deployment',
    namespace: 'ns',
    name,
    isLive,
    health: status === undefined ? undefined : { status, ...(message === undefined ? {} : { message }) },
  });
  test.each<[string, JudgedResource[], ReturnType<typeof applicationHealth>]>([
    ['without resources', [], { status: 'Healthy' }],
    [
      'worst of all',
      [resource('a', 'Healthy'), resource('b', 'Progressing', true, 'soon'), resource('c', 'Suspended')],
      { status: 'Progressing', message: 'apps/Deployment:ns/b: soon' },
    ],
    ['a missing one does not count', [resource('a', 'Healthy'), resource('b', undefined, false)], { status: 'Healthy' }],
    ['all missing', [resource('a', undefined, false), resource('b', undefined, false)], { status: 'Missing' }],
    ['no checks', [resource('a', undefined)], { status: 'Healthy' }],
    ['Unknown is worst', [resource('a', 'Degraded'), resource('b', 'Unknown')], { status: 'Unknown', message: 'apps/Deployment:ns/b' }],
    [
      'three causes are named',
      ['a', 'b', 'c', 'd', 'e'].map((name) => resource(name, 'Degraded')),
      { status: 'Degraded', message: 'apps/Deployment:ns/a, apps/Deployment:ns/b, apps/Deployment:ns/c and 2 more' },
    ],
  ])('%s', (_name, resources, expected) => {
    expect(applicationHealth(resources)).toEqual(expected);
  });
});

const spec = { project: 'default', source: { repoURL: 'r', path: 'p' }, destination: { namespace: 'ns' }, syncPolicy: { automated: {} } };
const comparedTo = { source: spec.source, destination: spec.destination };
const childStatus = (healthStatus: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  sync: { status: 'Synced', comparedTo },
  health: { status: healthStatus },
  operationState: { phase: 'Succeeded' },
  ...more,
});
table('argoproj.io/v1alpha1', 'Application', [
  ['not looked at yet', { spec }, 'Progressing', /not been reconciled/],
  ['healthy', { spec, status: childStatus('Healthy') }, 'Healthy'],
  ['degraded', { spec, status: childStatus('Degraded', { health: { status: 'Degraded', message: 'web' } }) }, 'Degraded', /web/],
  ['suspended', { spec, status: childStatus('Suspended') }, 'Suspended'],
  ['nothing of it there', { spec, status: childStatus('Missing') }, 'Progressing'],
  ['unknown', { spec, status: childStatus('Unknown') }, 'Unknown'],
  ['syncing', { spec, status: childStatus('Healthy', { operationState: { phase: 'Running' } }) }, 'Progressing', /under way/],
  ['of another spec', { spec: { ...spec, source: { repoURL: 'r', path: 'q' } }, status: childStatus('Healthy') }, 'Progressing', /present spec/],
  ['about to be synced', { spec, status: childStatus('Healthy', { sync: { status: 'OutOfSync', comparedTo } }) }, 'Progressing', /out of sync/],
  [
    'not synced because nobody wants it to be',
    { spec: { ...spec, syncPolicy: {} }, status: childStatus('Healthy', { sync: { status: 'OutOfSync', comparedTo } }) },
    'Healthy',
  ],
]);
