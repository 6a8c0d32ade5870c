import type { Application } from '@plumbline/contracts';
import { describe, expect, test } from 'vitest';
import { globMatches, ignoreRulesOf, ignoreSettingsOf } from './ignore-rules.ts';

const application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'web' },
  spec: { project: 'default', destination: {}, ignoreDifferences: [{ kind: 'ConfigMap', jsonPointers: ['/data'] }] },
} as Application;
const prefix = 'resource.customizations.ignoreDifferences.';

test('the rules of the application and of the installation, with where each is written', () => {
  const settings = {
    [`${prefix}all`]: 'managedFieldsManagers: [m]\n',
    [`${prefix}apps_Deployment`]: 'jsonPointers:\n- /spec/replicas\njqPathExpressions:\n- .spec.paused\n',
    [`${prefix}Service`]: 'jsonPointers: [/spec/clusterIP]',
    [`${prefix}*.example.com_*`]: 'jsonPointers: [/spec]',
    [`${prefix}_Secret`]: '',
    'resource.customizations.health.apps_Deployment': 'return {}',
  };
  const { rules, problems } = ignoreRulesOf(application, settings);
  expect(problems).toEqual([]);
  expect(rules.map(({ group, kind, source }) => [group, kind, source])).toEqual([
    [undefined, 'ConfigMap', 'spec.ignoreDifferences[0]'],
    ['*', '*', `argocd-cm ${prefix}all`],
    ['apps', 'Deployment', `argocd-cm ${prefix}apps_Deployment`],
    ['', 'Service', `argocd-cm ${prefix}Service`],
    ['*.example.com', '*', `argocd-cm ${prefix}*.example.com_*`],
    ['', 'Secret', `argocd-cm ${prefix}_Secret`],
  ]);
  expect(rules[2]).toMatchObject({ jsonPointers: ['/spec/replicas'], jqPathExpressions: ['.spec.paused'] });
  expect(ignoreSettingsOf(settings)).toHaveLength(5);
});

test('the older way: one map of all customizations', () => {
  const text = `apps/Deployment:
  health.lua: return {}
  ignoreDifferences: |
    jsonPointers: [/spec/replicas]
Service:
  ignoreDifferences: "jqPathExpressions: [.spec.clusterIP]"
batch/Job:
  ignoreDifferences: "jsonPointers: no list"
v1/Nothing:
`;
  const { rules, problems } = ignoreRulesOf(application, { 'resource.customizations': text });
  expect(rules.slice(1)).toMatchObject([
    { group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'], source: 'argocd-cm resource.customizations apps/Deployment' },
    { group: '', kind: 'Service', jqPathExpressions: ['.spec.clusterIP'] },
  ]);
  expect(problems).toEqual([expect.stringContaining('argocd-cm resource.customizations batch/Job is not understood')]);
  expect(ignoreRulesOf(application, { 'resource.customizations': '- a' }).problems).toEqual([
    expect.stringContaining('argocd-cm resource.customizations is not understood'),
  ]);
});

describe('resource.compareoptions (argocd-compat B064)', () => {
  const rulesOf = (text: string): ReturnType<typeof ignoreRulesOf> => ignoreRulesOf(application, { 'resource.compareoptions': text });
  const nobody = { group: '*', kind: '*', jsonPointers: ['/status'], source: 'argocd-cm resource.compareoptions' };

  test.each([
    ['', true],
    ['ignoreAggregatedRoles: true', true],
    ['ignoreResourceStatusField: all', true],
    ['ignoreResourceStatusField:', true],
    ['ignoreResourceStatusField: crd', false],
    ['ignoreResourceStatusField: none', false],
    ['ignoreResourceStatusField: off', false],
    ['ignoreResourceStatusField: false', false],
    ['ignoreResourceStatusField: "false"', false],
  ])('%j: no status is compared: %s', (text, isIgnored) => {
    expect(rulesOf(text)).toMatchObject({ ofStatus: isIgnored ? [nobody] : [], problems: [], rules: [{ kind: 'ConfigMap' }] });
  });

  test.each(['ignoreResourceStatusField: nobody', 'ignoreResourceStatusField: [none]', '- a', '{', 'ignoreResourceStatusField: 1'])(
    '%j is said to be wrong',
    (text) => {
      expect(rulesOf(text)).toMatchObject({
        ofStatus: [nobody],
        problems: [expect.stringMatching(/^argocd-cm resource\.compareoptions.*o status is compared/)],
      });
    },
  );

  test('a change of it makes another state', () => {
    expect(ignoreSettingsOf({ 'resource.compareoptions': 'a: b', 'resource.exclusions': '' })).toEqual([['resource.compareoptions', 'a: b']]);
  });
});

test.each(['jsonPointers: /spec', '- a\n- b', '{', 'a: &a [*a, *a]\njsonPointers: [{}]', '!!js/function "x"'])(
  '%j is said to be wrong, and ignores nothing',
  (text) => {
    const { rules, problems } = ignoreRulesOf(application, { [`${prefix}apps_Deployment`]: text });
    expect([rules.length, problems]).toEqual([1, [expect.stringContaining(`argocd-cm ${prefix}apps_Deployment is not understood`)]]);
  },
);

test.each([
  ['*', 'apps', true],
  ['*', '', true],
  ['', '', true],
  ['', 'apps', false],
  ['*.k8s.io', 'networking.k8s.io', true],
  ['{apps,batch}', 'batch', true],
  ['Dep?oyment', 'Deployment', true],
])('%s means %s: %s', (pattern, text, is) => expect(globMatches(pattern, text)).toBe(is));
