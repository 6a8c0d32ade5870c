import { expect, it } from 'vitest';
import { watchedResources } from './watched-resources.ts';

const server = 'https://kubernetes.default.svc';
const excluded = (data: Record<string, string>, kinds: string[]): string[] => {
  const { isExcluded } = watchedResources(data, server);
  return kinds.filter((kind) => isExcluded(...(kind.split('/') as [string, string])));
};
const kinds = ['/ConfigMap', '/Endpoints', 'apps/Deployment', 'coordination.k8s.io/Lease', 'wgpolicyk8s.io/PolicyReport', 'metrics.k8s.io/PodMetrics'];

it('excludes what Argo CD’s installation excludes, unless argocd-cm says otherwise', () => {
  expect(excluded({}, kinds)).toEqual(['/Endpoints', 'coordination.k8s.io/Lease', 'wgpolicyk8s.io/PolicyReport', 'metrics.k8s.io/PodMetrics']);
  expect(excluded({ 'resource.exclusions': '[]' }, kinds)).toEqual([]);
});

it.each([
  ['globs', '- apiGroups: ["*.k8s.io"]\n  kinds: ["*"]\n  clusters: ["*"]\n', ['coordination.k8s.io/Lease', 'metrics.k8s.io/PodMetrics']],
  ['no groups: all of them', '- kinds: [ConfigMap]\n', ['/ConfigMap']],
  ['no kinds: all of them', '- apiGroups: [apps]\n', ['apps/Deployment']],
  ['another cluster', '- kinds: [ConfigMap]\n  clusters: ["https://elsewhere.example.org"]\n', []],
])('excludes by %s', (_, text, expected) => expect(excluded({ 'resource.exclusions': text }, kinds)).toEqual(expected));

it('with inclusions, everything else is excluded, and exclusions still count', () => {
  const data = { 'resource.inclusions': '- apiGroups: ["", apps]\n', 'resource.exclusions': '- kinds: [Endpoints]\n' };
  expect(excluded(data, kinds)).toEqual(['/Endpoints', 'coordination.k8s.io/Lease', 'wgpolicyk8s.io/PolicyReport', 'metrics.k8s.io/PodMetrics']);
});

it.each([['kinds: ['], ['kinds: [ConfigMap]'], ['- kind: ConfigMap'], ['- kinds: ConfigMap'], ['- kinds: ["[a-"]']])(
  'refuses %j with the name of the setting',
  (text) => expect(() => watchedResources({ 'resource.exclusions': text }, server)).toThrow(/^resource\.exclusions of argocd-cm can't be read/),
);
