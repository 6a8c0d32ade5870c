import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { judgementWarnings, makeDriftTeller } from './drift.ts';
import type { Judgement } from './judge.ts';

const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: 'ns', name: 'a' };
const object = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, managedFields: [{ manager: 'kubectl-edit', operation: 'Update' as const, time: '2026-01-01T00:00:00Z' }] },
});
const owner = (manager: string, at: string) => ({ manager, operation: 'Update' as const, at });
const outOfSync = (more: Partial<Judgement> = {}): Judgement => ({ status: 'OutOfSync', fields: ['/data/a'], ...more });

test('the manager is who changed one of the fields last, not who wrote the object last', () => {
  const owners = [[owner('old', '2025-01-01T00:00:00Z'), owner('plumbline', '2027-01-01T00:00:00Z')], [owner('new', '2025-06-01T00:00:00Z')]];
  expect(makeDriftTeller()(ref, object('a'), outOfSync({ owners }))).toMatchObject({ drift: 'changed', manager: 'new', owners });
  // Nobody owns what was taken away.
  expect(makeDriftTeller()(ref, object('a'), outOfSync({ owners: [[]] }))).toMatchObject({ manager: 'kubectl-edit' });
  expect(makeDriftTeller()(ref, undefined, outOfSync())).toEqual({ ...ref, drift: 'missing', fields: ['/data/a'] });
});

test('many drifted objects with much to say still fit into one event', () => {
  const tell = makeDriftTeller();
  const fields = Array.from({ length: limits.fieldsShownMax }, (_, index) => `/metadata/labels/example.com~1${'x'.repeat(60)}${index}`);
  const owners = fields.map(() =>
    Array.from({ length: limits.ownersShownMax }, (_, index) => owner(`manager-${'m'.repeat(60)}${index}`, '2026-01-01T00:00:00Z')),
  );
  const refused = 'no '.repeat(5_000);
  const told = Array.from({ length: 50 }, (_, index) => tell({ ...ref, name: `a${index}` }, object('a'), { status: 'OutOfSync', fields, owners, refused }));
  expect(told[0]).toMatchObject({ owners, refused: refused.slice(0, limits.refusalCharsMax) });
  expect(told.at(-1)).toMatchObject({ fields, manager: expect.stringContaining('manager-') });
  expect(told.at(-1)).not.toHaveProperty('owners');
  expect(JSON.stringify(told).length).toBeLessThan(256 * 1024);
});

test('each rule that can not be used is told once, refused manifests up to a number', () => {
  const judged = Array.from({ length: 100 }, (_, index) => ({
    desired: { object: object(`a${index}`) },
    judgement: outOfSync({ problems: ['rule 1: wrong', 'rule 2: wrong'], ...(index < 30 ? { refused: 'no' } : {}) }),
  }));
  const messages = judgementWarnings(judged).map(({ message }) => message);
  expect(messages).toHaveLength(limits.warningsShownMax + 3);
  expect(messages.slice(-3)).toEqual(['10 more manifests that the API server refuses', 'rule 1: wrong', 'rule 2: wrong']);
});
