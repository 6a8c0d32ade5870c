/** Manifests that the API server writes down another way than they are written here: by kind, and what is special. */
export interface NormalisedManifest {
  kind: string;
  what: string;
  manifest: { apiVersion: string; kind: string; metadata: { name: string }; [field: string]: unknown };
}

const labels = { app: 'web' };
const container = {
  name: 'web',
  image: 'nginx:1.27',
  resources: { requests: { cpu: '1000m', memory: '0.5Gi' }, limits: { cpu: 2, memory: '1024Mi', 'ephemeral-storage': '1e9' } },
  ports: [{ containerPort: 80 }],
  env: [{ name: 'EMPTY', value: '' }, { name: 'NONE' }],
  securityContext: {},
  readinessProbe: { httpGet: { path: '/', port: 'http' } },
};
const podTemplate = { metadata: { labels }, spec: { containers: [container], securityContext: {}, nodeSelector: {}, tolerations: [], volumes: [] } };

const of = (what: string, apiVersion: string, kind: string, fields: Record<string, unknown>, name = 'web'): NormalisedManifest => ({
  kind,
  what,
  manifest: { apiVersion, kind, metadata: { name }, ...fields },
});

export const normalisedManifests: readonly NormalisedManifest[] = [
  of('empty data, empty labels', 'v1', 'ConfigMap', { data: {}, metadata: { name: 'empty', labels: {}, annotations: {} } }),
  of('line ends and binary', 'v1', 'ConfigMap', { data: { a: 'x\n', b: '' }, binaryData: { c: 'AAE=' } }, 'lines'),
  of('stringData beside data', 'v1', 'Secret', { type: 'Opaque', data: { a: 'MQ==' }, stringData: { b: '2', c: '' } }),
  of('quantities, defaults, empty maps and lists', 'apps/v1', 'Deployment', {
    spec: { selector: { matchLabels: labels }, template: podTemplate, strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } } },
  }),
  of('the same port twice', 'apps/v1', 'Deployment', {
    metadata: { name: 'twins' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'web', image: 'i', ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP' }] }] },
      },
    },
  }),
  of('volumeClaimTemplates', 'apps/v1', 'StatefulSet', {
    spec: {
      serviceName: 'web',
      selector: { matchLabels: labels },
      template: podTemplate,
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } } }],
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' },
    },
  }),
  of('a template of empty maps', 'apps/v1', 'DaemonSet', { spec: { selector: { matchLabels: labels }, template: podTemplate, updateStrategy: {} } }),
  of('ports without protocol and targetPort', 'v1', 'Service', {
    spec: { selector: labels, ports: [{ port: 80 }, { port: 81, targetPort: 81 }].map((port, i) => ({ name: `p${i}`, ...port })) },
  }),
  of(
    'node ports and load balancer that the cluster picks',
    'v1',
    'Service',
    { spec: { type: 'LoadBalancer', ports: [{ port: 443, targetPort: 8443 }], loadBalancerSourceRanges: [] } },
    'balanced',
  ),
  of('headless', 'v1', 'Service', { spec: { clusterIP: 'None', ports: [{ port: 80 }], sessionAffinity: 'None' } }, 'headless'),
  of('an external name', 'v1', 'Service', { spec: { type: 'ExternalName', externalName: 'a.example' } }, 'external'),
  of('path types and a class', 'networking.k8s.io/v1', 'Ingress', {
    spec: {
      ingressClassName: 'none',
      tls: [{}],
      rules: [{ http: { paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }] } }],
    },
  }),
  of('generated selector and labels', 'batch/v1', 'Job', {
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } }, suspend: true },
  }),
  of('a Job in a template', 'batch/v1', 'CronJob', {
    spec: { schedule: '0 3 * * *', suspend: true, jobTemplate: { spec: { template: { spec: { restartPolicy: 'OnFailure', containers: [container] } } } } },
  }),
  of('metrics', 'autoscaling/v2', 'HorizontalPodAutoscaler', {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nobody' },
      maxReplicas: 5,
      metrics: [{ type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1024Mi' } } }],
      behavior: { scaleDown: { policies: [{ type: 'Percent', value: 10, periodSeconds: 60 }] } },
    },
  }),
  of(
    'the older version of a converted kind',
    'autoscaling/v1',
    'HorizontalPodAutoscaler',
    {
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nobody' }, maxReplicas: 5, targetCPUUtilizationPercentage: 70 },
    },
    'older',
  ),
  of('a quantity', 'v1', 'PersistentVolumeClaim', { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '0.5Gi' } } } }),
  of('rules', 'rbac.authorization.k8s.io/v1', 'Role', { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'], resourceNames: [] }] }),
  of('no rules', 'rbac.authorization.k8s.io/v1', 'Role', { rules: [] }, 'empty'),
  of('subjects without group', 'rbac.authorization.k8s.io/v1', 'RoleBinding', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'web' },
    subjects: [{ kind: 'ServiceAccount', name: 'web', namespace: 'default' }],
  }),
  of('empty selectors and int-or-string', 'networking.k8s.io/v1', 'NetworkPolicy', {
    spec: { podSelector: {}, ingress: [{}, { ports: [{ port: 'http' }, { port: 80, endPort: 90 }] }], egress: [], policyTypes: ['Ingress', 'Egress'] },
  }),
  of('a percentage', 'policy/v1', 'PodDisruptionBudget', { spec: { maxUnavailable: '10%', selector: { matchLabels: labels } } }),
  of('quotas', 'v1', 'ResourceQuota', { spec: { hard: { 'requests.cpu': '10000m', pods: 1000 } } }),
  of('limits', 'v1', 'LimitRange', { spec: { limits: [{ type: 'PersistentVolumeClaim', max: { storage: '1024Gi' } }] } }),
  of('lists of its own', 'v1', 'ServiceAccount', { imagePullSecrets: [], secrets: [] }),
  of('endpoints without protocol', 'discovery.k8s.io/v1', 'EndpointSlice', {
    addressType: 'IPv4',
    ports: [{ port: 80 }],
    endpoints: [{ addresses: ['10.0.0.1'] }],
  }),
];
