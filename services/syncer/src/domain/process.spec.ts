import type { ApplicationEvent } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { react } from './process.ts';
import { evolve, initialState } from './state.ts';
import type { ApplicationState } from './state.ts';
import { applied, compared, declared, deployment, failed, outOfSync, record, requested, started, startedAt, succeeded } from './testdata/examples.ts';

const after = (...events: ApplicationEvent[]): ApplicationState => events.map(record).reduce(evolve, initialState);
const retry: ApplicationEvent = {
  type: 'SyncRetryScheduled',
  data: { operationId: 'op', attempt: 1, at: '2030-01-01T00:00:09.000Z', message: 'the world said no' },
};
const until = '2030-01-01T00:05:00.000Z';
const heal = (operationId: string): ApplicationEvent[] => [
  requested(operationId, 'r1', { trigger: 'self-heal' }),
  started(operationId),
  succeeded(operationId, 'r1'),
];
const fight = ['1', '2', '3', '4', '5', '6'].flatMap(heal);
const drifted = compared('r1', [outOfSync(deployment)]);

it.each<[string, ApplicationEvent[], unknown]>([
  ['nothing', [], []],
  ['a declared application', [declared, compared('r1', [deployment])], []],
  ['a sync that runs', [declared, requested('op', 'r1'), started('op')], []],
  ['a sync that backs off', [declared, requested('op', 'r1'), started('op'), retry], [{ type: 'Wake', key: 'retry-sync', wakeAt: startedAt + 9_000 }]],
  ['a retry that has begun', [declared, requested('op', 'r1'), started('op'), retry, started('op', 1)], []],
  [
    'a sync that waits for health',
    [declared, requested('op', 'r1'), started('op'), applied('op', until)],
    [{ type: 'Wake', key: 'await-health', wakeAt: Date.parse(until) }],
  ],
  ['a sync that was healthy', [declared, requested('op', 'r1'), started('op'), applied('op', until), succeeded('op', 'r1')], []],
  ['a sync that gave up', [declared, requested('op', 'r1'), started('op'), retry, failed('op', 'no')], []],
  ['one self-heal', [declared, ...heal('1'), drifted], []],
  ['a fight over a field', [declared, ...fight, drifted], [{ type: 'Wake', key: 'self-heal', wakeAt: expect.any(Number) }]],
  ['a fight that is over', [declared, ...fight, compared('r1', [deployment])], []],
])('orders from the state what has to happen later: %s', (_what, events, expected) => {
  expect(react(after(...events))).toEqual(expected);
});
