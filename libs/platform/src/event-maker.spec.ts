import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedUuid, makeEventMaker } from './event-maker.ts';

const event = makeEventMaker('syncer');

describe('event', () => {
  it('fills in who and why', () => {
    expect(event('SyncStarted', { operationId: 'op' }, { cause: 'op 1', correlation: 'push-1', causation: 'e-1' })).toEqual({
      id: derivedUuid('syncer', 'SyncStarted', 'op 1'),
      type: 'SyncStarted',
      data: { operationId: 'op' },
      metadata: { actor: 'system:syncer', causation: 'e-1', correlation: 'push-1', service: 'syncer', schemaVersion: 1 },
    });
    expect(event('X', null, { cause: 'c', actor: 'admin' }).metadata).toEqual({ actor: 'admin', service: 'syncer', schemaVersion: 1 });
  });

  it('has the same id for the same cause, and another for another type, service or cause', () => {
    const ids = [
      event('A', 1, { cause: 'c' }),
      event('B', 1, { cause: 'c' }),
      event('A', 1, { cause: 'd' }),
      makeEventMaker('rbac')('A', 1, { cause: 'c' }),
    ].map(({ id }) => id);
    expect(new Set(ids).size).toBe(4);
    expect(event('A', 2, { cause: 'c' }).id).toBe(ids[0]);
  });

  it('makes UUIDs of version 8, and does not mistake one split of the parts for another', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 1 }), (a, b) => {
        expect(derivedUuid(a, b)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(derivedUuid(a + b, '')).not.toBe(derivedUuid(a, b));
      }),
    );
  });

  it('never changes: recorded ids depend on it', () => {
    expect(derivedUuid('syncer', 'SyncStarted', 'op 1')).toBe('b817ba47-733f-8469-b032-76448b2d1263');
  });
});
