import { expect, it } from 'vitest';
import { cloudEventOf } from './cloud-event.ts';

const event = {
  position: 3_000_000_000,
  id: 'e1',
  stream: 'application-7f',
  version: 4,
  type: 'SyncStarted',
  data: { revision: 'abc' },
  metadata: { actor: 'admin', service: 'syncer', schemaVersion: 1, correlation: 'c1', causation: 'c0', traceparent: '00-1-2-01' },
  at: '2026-11-25T10:00:00.000Z',
};
const origin = { source: '/plumbline/argocd', generation: 'g1' };

it('is an event in the structured form of CloudEvents 1.0', () => {
  expect(cloudEventOf(event, origin)).toEqual({
    specversion: '1.0',
    id: 'e1',
    source: '/plumbline/argocd',
    type: 'dev.plumbline.SyncStarted',
    subject: 'application-7f',
    time: '2026-11-25T10:00:00.000Z',
    datacontenttype: 'application/json',
    position: '3000000000',
    generation: 'g1',
    streamversion: 4,
    actor: 'admin',
    schemaversion: 1,
    correlation: 'c1',
    causation: 'c0',
    data: { revision: 'abc' },
  });
});

it('names attributes as the specification allows, and leaves out what is not there', () => {
  const { correlation: _, ...metadata } = event.metadata;
  const names = Object.keys(cloudEventOf({ ...event, metadata }, origin));
  expect(names).not.toContain('correlation');
  expect(names.filter((name) => !/^[a-z0-9]{1,20}$/.test(name))).toEqual([]);
});
