import { AppError } from '@plumbline/contracts';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../object.ts';
import type { IgnoreRule } from './rules.ts';
import { ignoredOf, nothingIgnored } from './rules.ts';

const web: KubeObject = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } };
const core: KubeObject = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } };
const matches = (pattern: string, text: string): boolean => {
  if (pattern === '[') throw new AppError('invalid-argument', 'an open bracket');
  return pattern === '*' || pattern === text;
};
const pointed = (object: KubeObject, rule: Partial<IgnoreRule>): string[] =>
  ignoredOf(object, [{ kind: '*', group: '*', jsonPointers: ['/spec'], source: 'r', ...rule }], matches).pointers.map(({ pointer }) => pointer);

describe('which objects a rule means (argocd-compat B065)', () => {
  test.each<[string, KubeObject, Partial<IgnoreRule>, boolean]>([
    ['group and kind', web, { group: 'apps', kind: 'Deployment' }, true],
    ['globs', web, { group: '*', kind: '*' }, true],
    ['another group', web, { group: 'batch', kind: 'Deployment' }, false],
    ['name and namespace', web, { name: 'web', namespace: 'shop' }, true],
    ['empty name and namespace', web, { name: '', namespace: '' }, true],
    ['another namespace', web, { namespace: 'other' }, false],
    ['another name', web, { name: 'web2' }, false],
    ['the core group', core, { group: '', kind: 'Service' }, true],
  ])('%s', (_, object, rule, isMeant) => expect(pointed(object, rule)).toEqual(isMeant ? ['/spec'] : []));

  test('no group is the core group', () => {
    expect(ignoredOf(web, [{ kind: 'Deployment', jsonPointers: ['/spec'], source: 'r' }], matches)).toBe(nothingIgnored);
    expect(ignoredOf(core, [{ kind: 'Service', jsonPointers: ['/spec'], source: 'r' }], matches).pointers).toHaveLength(1);
  });
});

test('each part of a rule says where it comes from, and what means nothing is said', () => {
  const rules: IgnoreRule[] = [
    { kind: '*', group: '*', jsonPointers: ['/a', 'b', '', '/c~2'], jqPathExpressions: ['.d'], source: 'first' },
    { kind: '*', group: '*', managedFieldsManagers: ['m'], source: 'second' },
    { kind: '[', source: 'third' },
  ];
  expect(ignoredOf(web, rules, matches)).toEqual({
    pointers: [{ pointer: '/a', source: 'first' }],
    expressions: [{ expression: '.d', source: 'first' }],
    managers: [{ manager: 'm', source: 'second' }],
    problems: [
      'third: an open bracket',
      expect.stringMatching(/^first: "b" is not a JSON pointer/),
      expect.stringMatching(/^first: an empty JSON pointer/),
      expect.stringMatching(/^first: .*c~2/),
    ],
  });
});
