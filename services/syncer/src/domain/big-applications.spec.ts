import type { ApplicationEvent, ApplicationStatus, ResourceComparison, ResourceHealth } from '@plumbline/contracts';
import { evolveApplicationStatus, initialApplicationStatus, resourceRefKey } from '@plumbline/contracts';
import { array, assert, boolean, constantFrom, integer, property, record as recordOf } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { limits } from '../limits.ts';
import { decide } from './decide.ts';
import { inParts, thoseThatFit } from './parts.ts';
import { comparison, declared, outOfSync, record, requested, startedAt, started, succeeded, applied } from './testdata/examples.ts';
import type { ApplicationState, Declared } from './state.ts';
import { evolve, initialState } from './state.ts';

/** What PostgreSQL's event log takes of one event. */
const eventBytesMax = 256 * 1024;
const sizeOf = (event: ApplicationEvent): number => Buffer.byteLength(JSON.stringify(event.data));

const named = (index: number, more: Partial<ResourceComparison> = {}): ResourceComparison => ({
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  namespace: 'a-namespace-with-a-name',
  name: `configuration-of-something-${String(index).padStart(5, '0')}`,
  status: 'Synced',
  ...more,
});
const many = (count: number, more: Partial<ResourceComparison> = {}): ResourceComparison[] => Array.from({ length: count }, (_, index) => named(index, more));

interface Known {
  state: ApplicationState;
  status: ApplicationStatus;
  events: ApplicationEvent[];
}

const unknown: Known = { state: initialState, status: initialApplicationStatus, events: [] };

const told = (known: Known, events: readonly ApplicationEvent[]): Known => {
  let { state, status } = known;
  events.forEach((event, index) => {
    const recorded = record(event, known.events.length + index);
    state = evolve(state, recorded);
    status = evolveApplicationStatus(status, recorded);
  });
  return { state, status, events: [...known.events, ...events] };
};

const compare = (known: Known, resources: ResourceComparison[], revision = 'r1'): ApplicationEvent[] =>
  decide({ type: 'RecordComparison', comparison: comparison(revision, resources), drift: [] }, known.state);

const resourcesOf = ({ state }: Known): readonly ResourceComparison[] => (state as Declared).comparison?.resources ?? [];
const typesOf = (events: readonly ApplicationEvent[]): string[] => events.map(({ type }) => type);

describe('an application of 10,000 objects', () => {
  const all = many(10_000);
  const first = compare(told(unknown, [declared]), all);
  const known = told(told(unknown, [declared]), first);

  test('is compared in several events, each of which the log takes; the judgement comes last', () => {
    expect(Math.max(...first.map(sizeOf))).toBeLessThan(eventBytesMax);
    expect(new Set(typesOf(first.slice(0, -1)))).toEqual(new Set(['ResourcesCompared']));
    expect(first.at(-1)).toMatchObject({ type: 'ApplicationCompared', data: { status: 'Synced', changesOnly: true } });
    expect(resourcesOf(known)).toEqual(all);
    expect(known.status.resources).toEqual(all);
    expect(known.state).not.toHaveProperty('comparing');
  });

  test('says nothing when nothing is new, and little when little is', () => {
    expect(compare(known, all)).toEqual([]);
    const events = compare(known, [...all.slice(0, 5), outOfSync(all[5]!), ...all.slice(7)]);
    expect(events).toMatchObject([
      { type: 'DriftDetected' },
      { type: 'ApplicationCompared', data: { changesOnly: true, resources: [outOfSync(all[5]!)], gone: [resourceRefKey(all[6]!)] } },
    ]);
    const after = told(known, events);
    expect(after.status.resources).toHaveLength(9_999);
    expect(after.status.resources[5]).toMatchObject({ status: 'OutOfSync' });
  });

  test('is told as a whole after a comparison that failed: its status said of none how it is', () => {
    const broken = told(known, [{ type: 'ComparisonFailed', data: { condition: 'ComparisonError', code: 'render-failed', message: 'no' } }]);
    expect(broken.status.resources[0]).toMatchObject({ status: 'Unknown' });
    const fewer = all.slice(1);
    const again = told(broken, compare(broken, fewer));
    expect(again.status.resources).toEqual(fewer);
    expect(resourcesOf(again)).toEqual(fewer);
  });

  test('loses all of them in events that the log takes', () => {
    const events = compare(known, []);
    expect(Math.max(...events.map(sizeOf))).toBeLessThan(eventBytesMax);
    expect(told(known, events).status.resources).toEqual([]);
  });

  test('starts a sync of as many waves as it may have, in every phase, in an event that the log takes', () => {
    const waves = Array.from({ length: limits.wavesMax }, (_, wave) => -2_000_000_000 - wave);
    const steps = (['PreSync', 'Sync', 'PostSync'] as const).flatMap((phase) => waves.map((wave) => ({ phase, wave, resources: 10_000 })));
    const pruning = waves.map((wave) => ({ phase: 'Sync' as const, wave: -wave, resources: 10_000, prunes: wave }));
    const onFailure = waves.map((wave) => ({ phase: 'SyncFail' as const, wave, resources: 10_000 }));
    const asked = told(known, [requested('a', 'r1')]);
    const [event] = decide({ type: 'StartSync', operationId: 'a', attempt: 0, steps: [...steps, ...pruning], onFailure }, asked.state);
    expect(event).toMatchObject({ type: 'SyncStarted', data: { steps: { length: 4 * limits.wavesMax } } });
    expect(sizeOf(event!)).toBeLessThan(eventBytesMax);
  });

  test('tells the health of all in several events', () => {
    const resources = all.map(({ group, version, kind, namespace, name }): ResourceHealth => ({
      group,
      version,
      kind,
      namespace,
      name,
      health: 'Degraded',
      message: 'ü'.repeat(200),
    }));
    const events = decide({ type: 'RecordHealth', status: 'Degraded', message: 'all of it', resources }, known.state);
    expect(Math.max(...events.map(sizeOf))).toBeLessThan(eventBytesMax);
    const ill = told(known, events);
    expect(ill.status.resources.every(({ health }) => health?.status === 'Degraded')).toBe(true);
    expect(ill.status.health).toMatchObject({ status: 'Degraded', message: 'all of it' });
    expect(decide({ type: 'RecordHealth', status: 'Degraded', message: 'all of it', resources }, ill.state)).toEqual([]);
    const well = told(ill, decide({ type: 'RecordHealth', status: 'Healthy', resources: [] }, ill.state));
    expect(well.status.resources).toEqual(all);
  });

  test('is healed as a whole when most of it drifted, by an event that the log takes', () => {
    const policy = { automated: { selfHeal: true } };
    const synced = told(told(unknown, [declared]), [...first, requested('a', 'r1'), started('a'), applied('a'), succeeded('a', 'r1')]);
    const drifted = told(synced, compare(synced, all.map(outOfSync)));
    const [request] = decide({ type: 'AutoSync', operationId: 'b', policy, now: startedAt + 86_400_000 }, drifted.state);
    expect(request).toMatchObject({ type: 'SyncRequested', data: { trigger: 'self-heal', operation: { syncStrategy: { apply: {} } } } });
    expect(request!.data).not.toHaveProperty('operation.resources');
    const few = told(synced, compare(synced, [outOfSync(all[0]!), ...all.slice(1)]));
    const [named] = decide({ type: 'AutoSync', operationId: 'b', policy, now: startedAt + 86_400_000 }, few.state);
    expect(named).toMatchObject({ type: 'SyncRequested', data: { operation: { resources: [{ name: all[0]!.name }] } } });
  });
});

test('a small application is told as a whole each time', () => {
  const known = told(told(unknown, [declared]), compare(told(unknown, [declared]), many(20)));
  const [event] = compare(
    known,
    many(20).map((resource, index) => (index === 3 ? outOfSync(resource) : resource)),
    'r2',
  );
  expect(event).toMatchObject({ type: 'ApplicationCompared' });
  expect(event!.data).toMatchObject({ resources: { length: 20 } });
  expect(event!.data).not.toHaveProperty('changesOnly');
});

test('whatever was told in whatever parts, state and status have what was compared last', () => {
  const one = recordOf({ index: integer({ min: 0, max: 300 }), isOutOfSync: boolean(), missing: boolean() });
  const step = recordOf({ resources: array(one, { maxLength: 250 }), isFailing: boolean(), revision: constantFrom('r1', 'r2') });
  assert(
    property(array(step, { maxLength: 6 }), (steps) => {
      let known = told(unknown, [declared]);
      for (const { resources, isFailing, revision } of steps) {
        if (isFailing) known = told(known, [{ type: 'ComparisonFailed', data: { condition: 'ComparisonError', code: 'render-failed', message: 'no' } }]);
        const byKey = new Map(
          resources.map(({ index, isOutOfSync, missing }) => [
            index,
            named(index, { status: isOutOfSync ? 'OutOfSync' : 'Synced', ...(missing ? { missing } : {}) }),
          ]),
        );
        const now = [...byKey.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        known = told(known, compare(known, now, revision));
        expect(resourcesOf(known)).toEqual(now);
        expect(known.status.resources).toEqual(now.map(({ missing, ...one }) => (missing === true ? { ...one, health: { status: 'Missing' } } : one)));
      }
    }),
    { numRuns: 30 },
  );
});

test('parts hold all, in order, and no more than they may unless one alone is bigger', () => {
  assert(
    property(array(integer({ min: 0, max: 40 })), (lengths) => {
      const texts = lengths.map((length) => 'ä'.repeat(length));
      const parts = inParts(texts, 50);
      expect(parts.flat()).toEqual(texts);
      for (const part of parts) if (part.length > 1) expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThanOrEqual(51);
      expect(texts.slice(0, thoseThatFit(texts, 50).length)).toEqual(thoseThatFit(texts, 50));
    }),
  );
});
