import type { KubeObject } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { doubtedKind, unconfirmedDeletion, whatStays } from './deletion-conditions.ts';

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
  expect(told).toEqual(['ConfigMap stuck was deleted and is not gone yet: it waits for finalizers example.org/a, example.org/b']);
});

test('of very many so many are told', () => {
  const many = Array.from({ length: 100 }, (_, index) => object(`c${index}`, ['example.org/a'], '2030-01-01T00:00:00Z'));
  expect(whatStays(many, now)).toHaveLength(limits.warningsShownMax);
});

test('a deletion that waits for a word says for which objects and how to give it', () => {
  const objects = Array.from({ length: limits.warningsShownMax + 2 }, (_, index) => object(`c${index}`, []));
  const message = unconfirmedDeletion(objects);
  expect(message).toMatch(/^the deletion waits until somebody confirms it, for ConfigMap c0, ConfigMap c1, .* and 2 more: annotate/);
  expect(message).toContain('argocd.argoproj.io/deletion-approved');
});

test.each([
  ['unavailable', /API of the group example\.org can't be reached.*Widget objects.*APIService/],
  ['forbidden', /may not list and watch Widget objects of the group example\.org/],
  ['failing', /list of Widget objects of the group example\.org fails/],
])('a deletion that waits because a kind is %s says so', (listed, says) => expect(doubtedKind('example.org', 'Widget', listed)).toMatch(says));

test('a kind whose first list is on its way is nothing to tell', () => expect(doubtedKind('', 'ConfigMap', 'listing')).toBeUndefined());
