import { randomBytes } from 'node:crypto';
import type { IgnoreDifference } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RealCluster } from '../../test/real-cluster.ts';
import { realCluster } from '../../test/real-cluster.ts';

/** Ignore rules against what a real API server says: argocd-compat B064 to B066. */
let cluster: RealCluster;
beforeAll(async () => void (cluster = await realCluster()));
afterAll(async () => await cluster?.drop());
afterEach(() => {
  cluster.spec = {};
  cluster.settings = {};
});

const labels = { app: 'web' };
const containers = [
  { name: 'web', image: 'nginx:1', env: [{ name: 'A', value: '1' }], ports: [{ containerPort: 80 }] },
  { name: 'proxy', image: 'proxy:1' },
];
const deployment = (name: string): KubeObject & { spec: object } => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, annotations: { 'example.com/a': '1' } },
  spec: { replicas: 0, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers } } },
});
const ref = (name: string) => ({ group: 'apps', version: 'v1', kind: 'Deployment', namespace: cluster.namespace, name });
const patch = (name: string, change: object, manager = 'somebody'): Promise<KubeObject> =>
  cluster.kube.mergePatch(ref(name), change, { fieldManager: manager });
const withContainers = (change: (name: string) => object): object => ({
  spec: { template: { spec: { containers: containers.map((container) => ({ ...container, ...change(container.name) })) } } },
});
const newName = (): string => `web-${randomBytes(3).toString('hex')}`;

interface Case {
  what: string;
  change: object;
  rule: Partial<IgnoreDifference>;
  /** What still counts. */
  counts?: string[];
}

const newImages = withContainers((name) => ({ image: `${name}:2` }));
const cases: Case[] = [
  { what: 'a JSON pointer', change: { spec: { replicas: 1 } }, rule: { jsonPointers: ['/spec/replicas'] } },
  {
    what: 'a JSON pointer with a slash in a name',
    change: { metadata: { annotations: { 'example.com/a': '2' } } },
    rule: { jsonPointers: ['/metadata/annotations/example.com~1a'] },
  },
  {
    what: 'a JSON pointer with a place in a list',
    change: newImages,
    rule: { jsonPointers: ['/spec/template/spec/containers/1/image'] },
    counts: ['/spec/template/spec/containers/0/image'],
  },
  {
    what: 'a whole item of a list, and what comes after it keeps its place',
    change: newImages,
    rule: { jsonPointers: ['/spec/template/spec/containers/0'] },
    counts: ['/spec/template/spec/containers/1/image'],
  },
  {
    what: 'a JSON pointer that leads nowhere',
    change: { spec: { replicas: 1 } },
    rule: { jsonPointers: ['/spec/nothing/here', '/spec/template/spec/containers/9/image'] },
    counts: ['/spec/replicas'],
  },
  { what: 'a field that somebody took away', change: { spec: { paused: null, minReadySeconds: 5 } }, rule: { jsonPointers: ['/spec/minReadySeconds'] } },
  { what: 'a jq path', change: { spec: { replicas: 1 } }, rule: { jqPathExpressions: ['.spec.replicas'] } },
  {
    what: 'jq that selects',
    change: newImages,
    rule: { jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "proxy").image'] },
    counts: ['/spec/template/spec/containers/0/image'],
  },
  {
    what: 'jq that means several',
    change: { ...newImages, metadata: { annotations: { 'example.com/a': '2' } } },
    rule: { jqPathExpressions: ['.spec.template.spec.containers[].image, .metadata.annotations["example.com/a"]'] },
  },
  {
    what: 'jq that iterates over what is not there',
    change: { spec: { replicas: 1 } },
    rule: { jqPathExpressions: ['.spec.nothing[].here'] },
    counts: ['/spec/replicas'],
  },
  {
    what: 'jq with places from the end',
    change: newImages,
    rule: { jqPathExpressions: ['.spec.template.spec.containers[-1].image', '.spec.template.spec.containers[0:1]'] },
  },
  { what: 'fields of a manager', change: newImages, rule: { managedFieldsManagers: ['somebody'] } },
  { what: 'fields of another manager', change: { spec: { replicas: 1 } }, rule: { managedFieldsManagers: ['nobody'] }, counts: ['/spec/replicas'] },
  { what: 'a glob of groups and kinds', change: { spec: { replicas: 1 } }, rule: { group: '*', kind: 'Dep*', jsonPointers: ['/spec/replicas'] } },
  { what: 'another kind', change: { spec: { replicas: 1 } }, rule: { kind: 'StatefulSet', jsonPointers: ['/spec/replicas'] }, counts: ['/spec/replicas'] },
  { what: 'another name', change: { spec: { replicas: 1 } }, rule: { name: 'other', jsonPointers: ['/spec/replicas'] }, counts: ['/spec/replicas'] },
];

test.each(cases)('$what', async ({ change, rule, counts = [] }) => {
  const manifest = deployment(newName());
  cluster.spec = { ignoreDifferences: [{ group: 'apps', kind: 'Deployment', ...rule }] };
  await cluster.sync(manifest);
  await patch(manifest.metadata.name, change);
  const expected = { status: counts.length === 0 ? 'Synced' : 'OutOfSync', fields: counts };
  expect(await cluster.verdict(manifest)).toMatchObject(expected);
  expect(await cluster.verdict(manifest, cluster.freshJudge())).toMatchObject(expected);
  // What is ignored may go on changing without another dry run. (Fields that change hands are looked at once.)
  const before = cluster.asked();
  await patch(manifest.metadata.name, { metadata: { labels: { beside: 'us' } } });
  expect([await cluster.verdict(manifest), cluster.asked()]).toMatchObject([expected, counts.length === 0 ? before : before + 1]);
});

test('each field that is ignored names the rule, beside those that count and who changed them', async () => {
  const manifest = deployment(newName());
  cluster.spec = {
    ignoreDifferences: [{ group: 'apps', kind: 'Deployment', jqPathExpressions: ['.spec.template.spec.containers[] | select(.name == "web") | .image'] }],
  };
  cluster.settings = { 'resource.customizations.ignoreDifferences.apps_Deployment': 'jsonPointers:\n- /spec/replicas\n' };
  await cluster.sync(manifest);
  await patch(manifest.metadata.name, newImages, 'a');
  await patch(manifest.metadata.name, { spec: { replicas: 1 } }, 'b');
  expect(await cluster.verdict(manifest)).toMatchObject({
    status: 'OutOfSync',
    fields: ['/spec/template/spec/containers/1/image'],
    owners: [[{ manager: 'a', operation: 'Update', at: expect.any(String) }]],
    ignored: expect.arrayContaining([
      { field: '/spec/replicas', rule: 'argocd-cm resource.customizations.ignoreDifferences.apps_Deployment' },
      { field: '/spec/template/spec/containers/0/image', rule: 'spec.ignoreDifferences[0]' },
    ]),
  });
});

describe('rules of the installation', () => {
  test.each([
    ['all', 'jsonPointers: [/spec/replicas]', 'Synced'],
    ['apps_Deployment', 'jqPathExpressions: [.spec.replicas]', 'Synced'],
    ['*_*', 'managedFieldsManagers: [somebody]', 'Synced'],
    ['apps_StatefulSet', 'jsonPointers: [/spec/replicas]', 'OutOfSync'],
    ['Deployment', 'jsonPointers: [/spec/replicas]', 'OutOfSync'],
  ])('%s: %s', async (name, text, status) => {
    const manifest = deployment(newName());
    await cluster.sync(manifest);
    await patch(manifest.metadata.name, { spec: { replicas: 1 } });
    expect((await cluster.verdict(manifest)).status).toBe('OutOfSync');
    // A change of the setting is a new question.
    cluster.settings = { [`resource.customizations.ignoreDifferences.${name}`]: text };
    expect((await cluster.verdict(manifest)).status).toBe(status);
    cluster.settings = {};
    expect((await cluster.verdict(manifest)).status).toBe('OutOfSync');
  });
});

describe('a rule that can not be used is said, and ignores nothing', () => {
  test.each([
    ['a syntax error', { jqPathExpressions: ['.spec.(('] }, /jq expression \.spec\.\(\( is not used: syntax error/],
    ['no path', { jqPathExpressions: ['1 + 1'] }, /jq expression 1 \+ 1 is not used/],
    ['no end', { jqPathExpressions: ['last(repeat(.spec))'] }, /is not used: it took longer than 1000 ms/],
    ['no measure', { jqPathExpressions: ['[limit(100000000; repeat(1))] | .spec'] }, /is not used/],
    ['another program', { jqPathExpressions: ['.spec)] | halt_error, [path(.'] }, /is not used/],
    ['no JSON pointer', { jsonPointers: ['spec/replicas'] }, /spec\.ignoreDifferences\[0\].*JSON pointer/],
    ['a pattern without meaning', { kind: 'Dep[', jsonPointers: ['/spec/replicas'] }, /spec\.ignoreDifferences\[0\].*Dep\[/],
  ])('%s', async (_, rule, words) => {
    const manifest = deployment(newName());
    cluster.spec = { ignoreDifferences: [{ group: 'apps', kind: 'Deployment', ...rule }] };
    await cluster.sync(manifest);
    // Said as long as the rule is there.
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'Synced', problems: [expect.stringMatching(words)] });
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'Synced', problems: [expect.stringMatching(words)] });
    await patch(manifest.metadata.name, { spec: { replicas: 1 } });
    expect(await cluster.verdict(manifest)).toMatchObject({ status: 'OutOfSync', fields: ['/spec/replicas'], problems: [expect.stringMatching(words)] });
    // Nobody else's rule suffers.
    cluster.spec = { ignoreDifferences: [{ group: 'apps', kind: 'Deployment', jqPathExpressions: ['.spec.replicas'] }] };
    expect((await cluster.verdict(manifest)).status).toBe('Synced');
  });
});

describe('Secrets', () => {
  const value = `s3cret-${randomBytes(6).toString('hex')}`;
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hidden' }, stringData: { password: value, other: 'x' } };

  test('neither differences nor problems tell a value or a hash of one', async () => {
    const encoded = Buffer.from(value).toString('base64');
    cluster.spec = { ignoreDifferences: [{ kind: 'Secret', jqPathExpressions: ['.data.password | error', '.data.other'] }] };
    await cluster.sync(secret);
    await cluster.kube.mergePatch(
      { group: '', version: 'v1', kind: 'Secret', namespace: cluster.namespace, name: 'hidden' },
      { data: { password: 'eA==' } },
      { fieldManager: 'somebody' },
    );
    const verdicts = [await cluster.verdict(secret), await cluster.verdict({ ...secret, stringData: undefined, data: { password: `${encoded}!` } })];
    expect(verdicts[0]).toMatchObject({ status: 'OutOfSync', fields: ['/data/password'] });
    expect(verdicts[1]).toMatchObject({ status: 'OutOfSync', refused: expect.any(String) });
    expect(verdicts[0]!.problems).toEqual([expect.stringContaining('it may quote the Secret')]);
    const text = JSON.stringify(verdicts);
    for (const hidden of [value, encoded, encoded.slice(0, 12), 'eA==']) expect(text).not.toContain(hidden);
    expect(text).not.toMatch(/[0-9a-f]{32}/);
  });
});
