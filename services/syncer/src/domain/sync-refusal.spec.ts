import type { ApplicationEvent, RecordedEvent } from '@plumbline/contracts';
import { evolveApplicationStatus, initialApplicationStatus } from '@plumbline/contracts';
import { specify } from '@plumbline/testing/specification';
import { expect, test } from 'vitest';
import type { ApplicationCommand } from './commands.ts';
import { decide } from './decide.ts';
import { evolve, initialState } from './state.ts';
import { compared, declared, deployment, outOfSync, record, requested, result, startedAt } from './testdata/examples.ts';

const { given } = specify<ApplicationCommand, ReturnType<typeof evolve>, ApplicationEvent, RecordedEvent>({ decide, evolve, initialState, record });

const steps = [
  { phase: 'Sync' as const, wave: 0, resources: 1 },
  { phase: 'Sync' as const, wave: 1, resources: 1 },
];
const begun: ApplicationEvent = {
  type: 'SyncStarted',
  data: { operationId: 'a', attempt: 0, steps, onFailure: [{ phase: 'SyncFail', wave: 0, resources: 1 }] },
};
const running = [declared, compared('r1', [outOfSync(deployment)]), requested('a', 'r1'), begun];
const statusOf = (events: ApplicationEvent[]) => events.map(record).reduce(evolveApplicationStatus, initialApplicationStatus);

test('a sync that was refused as a whole ends without SyncFail hooks: nothing was done', () => {
  const [, end] = given(running)
    .when({
      type: 'CompleteStep',
      operationId: 'a',
      attempt: 0,
      step: 0,
      results: [result(deployment, 'SyncFailed', 'no such field')],
      now: startedAt,
      canRetry: false,
      refusal: 'one or more objects failed to apply (dry run)',
    })
    .thenTypes(['SyncStepCompleted', 'SyncFailed']);
  expect(end!.data).toMatchObject({ message: expect.stringMatching(/^one or more objects failed to apply \(dry run\), reason: .*no such field$/) as string });
});

test('that a sync waits for somebody’s word is said once, and shown', () => {
  const message = 'waiting for pruning confirmation of ConfigMap/shop/old';
  const command: ApplicationCommand = { type: 'RequestConfirmation', operationId: 'a', message };
  const asked: ApplicationEvent = { type: 'SyncConfirmationRequested', data: { operationId: 'a', message } };
  given(running).when(command).then([asked]);
  given([...running, asked])
    .when(command)
    .thenNothing();
  given(running)
    .when({ ...command, operationId: 'b' })
    .thenNothing();
  expect(statusOf([...running, asked]).operationState).toMatchObject({ phase: 'Running', message });
});

test('that it goes on is said once, and only of what waited', () => {
  const message = 'waiting for pruning confirmation of ConfigMap/shop/old';
  const asked: ApplicationEvent = { type: 'SyncConfirmationRequested', data: { operationId: 'a', message } };
  const resumed: ApplicationEvent = { type: 'SyncResumed', data: { operationId: 'a' } };
  const resume: ApplicationCommand = { type: 'ResumeSync', operationId: 'a' };
  given(running).when(resume).thenNothing();
  given([...running, asked])
    .when(resume)
    .then([resumed]);
  given([...running, asked, resumed])
    .when(resume)
    .thenNothing();
  given([...running, asked])
    .when({ ...resume, operationId: 'b' })
    .thenNothing();
  expect(statusOf([...running, asked, resumed]).operationState).toMatchObject({ phase: 'Running', message: 'syncing' });
  // A later step may wait for a word of its own.
  given([...running, asked, resumed])
    .when({ type: 'RequestConfirmation', operationId: 'a', message })
    .then([asked]);
});
