import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { specify } from '@plumbline/testing/specification';
import { test } from 'vitest';
import type { ApplicationCommand } from './commands.ts';
import { decide } from './decide.ts';
import { evolve, initialState } from './state.ts';
import { comparison, declared, deployment, failed, outOfSync, requested, record, service, started, startedAt } from './testdata/examples.ts';

const { given } = specify<ApplicationCommand, ReturnType<typeof evolve>, ApplicationEvent, RecordedEvent>({ decide, evolve, initialState, record });

const seen = (...kinds: string[]): ApplicationEvent => ({
  type: 'ApplicationCompared',
  data: {
    ...comparison('r1', [outOfSync(deployment), outOfSync(service)]),
    resources: [outOfSync(deployment), outOfSync(service)],
    images: [],
    conditions: kinds.map((kind) => ({ type: 'UnknownKindWarning', message: `the cluster has no ${kind}` })),
  },
});
const failedFor = (...kinds: string[]): ApplicationEvent[] => [declared, seen(...kinds), requested('a', 'r1'), started('a'), failed('a', 'not valid')];
const auto: ApplicationCommand = { type: 'AutoSync', operationId: 'b', policy: { automated: {} }, now: startedAt + 60_000 };

test('a commit that failed for want of a kind is tried again once the kind has come, without self-healing', () => {
  given([...failedFor('Widget'), seen()])
    .when(auto)
    .thenTypes(['SyncRequested']);
  given([...failedFor('Widget', 'Gadget'), seen('Gadget')])
    .when(auto)
    .thenTypes(['SyncRequested']);
});

test('and not before', () => {
  given(failedFor('Widget')).when(auto).thenTypes(['AutoSyncSkipped']);
  given([...failedFor('Widget'), seen('Widget', 'Gadget')])
    .when(auto)
    .thenTypes(['AutoSyncSkipped']);
  given([...failedFor(), seen()])
    .when(auto)
    .thenTypes(['AutoSyncSkipped']);
});
