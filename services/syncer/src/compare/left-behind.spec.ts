import type { KubeObject, ManagedFieldsEntry } from '@plumbline/manifests';
import { annotation } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { leftBehind } from './left-behind.ts';

const object = (spec: object, managedFields: ManagedFieldsEntry[] = [], note?: unknown): KubeObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    managedFields,
    ...(note === undefined ? {} : { annotations: { [annotation.lastApplied]: typeof note === 'string' ? note : JSON.stringify(note) } }),
  },
  spec,
});
const entry = (manager: string, operation: 'Apply' | 'Update', spec: object): ManagedFieldsEntry => ({ manager, operation, fieldsV1: { 'f:spec': spec } });
const manifest = object({ a: 1, list: [{ name: 'x', b: 1 }] });
const answer = object({ a: 1, c: 2 }, [entry('plumbline', 'Apply', { 'f:a': {} })]);
const found = (live: KubeObject, adopts: readonly string[] | false = []): string[] => leftBehind({ object: manifest, adopts }, live, answer);

test('what a tool applied server-side, and nobody else owns', () => {
  const theirs = entry('argocd-controller', 'Apply', { 'f:a': {}, 'f:c': {}, 'f:shared': {} });
  const live = object({ a: 1, c: 2, shared: 3 }, [theirs, entry('somebody', 'Update', { 'f:shared': {} })]);
  expect(found(live)).toEqual(['/spec/c']);
  expect(found(live, false)).toEqual([]);
});

test('nothing once we own something of it, nothing of tools unknown, nothing guessed of entries that hold defaults', () => {
  const ours = entry('plumbline', 'Apply', { 'f:a': {} });
  expect(found(object({ a: 1, c: 2 }, [entry('argocd-controller', 'Apply', { 'f:c': {} }), ours]))).toEqual([]);
  expect(found(object({ a: 1, c: 2 }, [entry('terraform', 'Apply', { 'f:c': {} })]))).toEqual([]);
  expect(found(object({ a: 1, c: 2 }, [entry('terraform', 'Apply', { 'f:c': {} })]), ['terraform'])).toEqual(['/spec/c']);
  expect(found(object({ a: 1, c: 2 }, [entry('helm', 'Update', { 'f:c': {} })]))).toEqual([]);
});

test('what kubectl’s note has and the manifest has not, whatever the order of lists', () => {
  const deployment = (containers: object[], more: object = {}): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a' },
    spec: { ...more, template: { spec: { containers } } },
  });
  const env = (...names: string[]): object[] => names.map((name) => ({ name, value: 'v' }));
  const wanted = deployment([
    { name: 'x', image: '1', env: env('A', 'B') },
    { name: 'y', image: '1' },
  ]);
  const noted = (before: KubeObject): string[] =>
    leftBehind(
      { object: wanted, adopts: [] },
      {
        ...before,
        metadata: {
          ...before.metadata,
          annotations: { [annotation.lastApplied]: JSON.stringify({ ...before, metadata: { name: 'a', namespace: 'ns', annotations: {} } }) },
        },
      },
      wanted,
    );
  expect(
    noted(
      deployment([
        { name: 'y', image: '2' },
        { name: 'x', image: '2', env: env('B', 'A') },
      ]),
    ),
  ).toEqual([]);
  expect(
    noted(
      deployment(
        [
          { name: 'x', image: '1', command: ['c'], env: env('A', 'B', 'C') },
          { name: 'y', image: '1' },
        ],
        { paused: true },
      ),
    ),
  ).toEqual(['/spec/paused', '/spec/template/spec/containers/0/command', '/spec/template/spec/containers/0/env']);
});

test.each(['', '{', 'null', '[]', '"text"', '{}'])('a note that is none (%j) says nothing', (note) => expect(found(object({ a: 1 }, [], note))).toEqual([]));
