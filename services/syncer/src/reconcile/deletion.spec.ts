import type { KubeObject } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { whatStays } from './deletion.ts';

const now = Date.parse('2030-01-01T00:01:00Z');
const object = (name: string, finalizers: string[], deletionTimestamp?: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, finalizers, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) },
});

test('of what does not go it is said what it waits for, once it has for a while', () => {
  const told = whatStays(
    [
      object('stuck', ['foregroundDeletion', 'example.org/a', 'example.org/b'], '2030-01-01T00:00:50Z'),
      object('leaving', ['example.org/a'], '2030-01-01T00:00:51Z'),
      object('at-work', ['foregroundDeletion'], '2030-01-01T00:00:00Z'),
      object('not-yet', ['example.org/a']),
    ],
    now,
  );
  const message = 'ConfigMap stuck was deleted and is not gone yet: it waits for finalizers example.org/a, example.org/b';
  expect(told).toEqual([{ type: 'DeletionWarning', message }]);
});

test('of very many so many are told', () => {
  const many = Array.from({ length: 100 }, (_, index) => object(`c${index}`, ['example.org/a'], '2030-01-01T00:00:00Z'));
  expect(whatStays(many, now)).toHaveLength(limits.warningsShownMax);
});
