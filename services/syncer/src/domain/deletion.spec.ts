import type { ApplicationEvent, DeletionHookResult } from '@plumbline/contracts';
import type { HookPhase } from '@plumbline/manifests';
import { describe, expect, it, test } from 'vitest';
import type { ApplicationCommand } from './commands.ts';
import { decide } from './decide.ts';
import { deletionStages, withHookFinalizers } from './deletion.ts';
import { react } from './process.ts';
import type { ApplicationState, Declared } from './state.ts';
import { evolve, initialState } from './state.ts';
import { declared, record, startedAt } from './testdata/examples.ts';

const pre = 'pre-delete-finalizer.argocd.argoproj.io';
const post = 'post-delete-finalizer.argocd.argoproj.io';
const resources = 'resources-finalizer.argocd.argoproj.io';

test('finalizers are worked off in one order, however they are listed (B031)', () => {
  const listed = [`${post}/cleanup`, 'example.org/own', `${resources}/background`, post, `${pre}/cleanup`, pre];
  expect(deletionStages(listed)).toEqual([
    { stage: 'run-hooks', phase: 'PreDelete', finalizer: pre },
    { stage: 'clean-up-hooks', phase: 'PreDelete', finalizer: `${pre}/cleanup` },
    { stage: 'delete-resources', finalizer: `${resources}/background`, propagationPolicy: 'Background' },
    { stage: 'run-hooks', phase: 'PostDelete', finalizer: post },
    { stage: 'clean-up-hooks', phase: 'PostDelete', finalizer: `${post}/cleanup` },
  ]);
});

test("an Application with nobody's or foreign finalizers has nothing to do (B110)", () => {
  expect(deletionStages([])).toEqual([]);
  expect(deletionStages(['example.org/own', `${resources}x`, 'foregroundDeletion'])).toEqual([]);
  expect(deletionStages([resources])).toMatchObject([{ propagationPolicy: 'Foreground' }]);
});

test.each<[string, string[], HookPhase[], string[]]>([
  ['hooks that came', [resources], ['PreSync', 'PostDelete'], [resources, post, `${post}/cleanup`]],
  ['hooks of both phases', [], ['PreDelete', 'PostDelete'], [pre, `${pre}/cleanup`, post, `${post}/cleanup`]],
  ['hooks that went', [pre, resources, `${pre}/cleanup`, post], ['PostSync'], [resources]],
  ['hooks of one phase instead of another', [pre, `${pre}/cleanup`], ['PostDelete'], [post, `${post}/cleanup`]],
  ['half of the finalizers', [`${pre}/cleanup`], ['PreDelete'], [`${pre}/cleanup`, pre]],
])('an Application gets and loses the finalizers of its deletion hooks: %s', (_what, before, phases, after) => {
  const changed = withHookFinalizers(before, new Set(phases));
  expect(changed).toEqual(after);
  // The very same when nothing is to be written.
  expect(withHookFinalizers(changed, new Set(phases))).toBe(changed);
});

const hook = (name: string, status: 'Succeeded' | 'Failed'): DeletionHookResult => ({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  namespace: 'shop',
  name,
  status,
  message: status === 'Failed' ? 'back-off limit' : 'done',
});
const begun: ApplicationEvent = { type: 'ApplicationDeletionStarted', data: { cascade: true, resources: 2 } };
const ends = (hooks: DeletionHookResult[], now = startedAt): ApplicationCommand => ({ type: 'EndDeletionHooks', phase: 'PreDelete', wave: -1, hooks, now });

describe('hooks of a deletion', () => {
  const after = (...commands: ApplicationCommand[]): ApplicationState => {
    let state = [declared, begun].map(record).reduce(evolve, initialState);
    for (const command of commands) state = decide(command, state).map(record).reduce(evolve, state);
    return state;
  };
  const deletion = (state: ApplicationState) => (state as Declared).deletion;

  it('that succeeded are recorded once', () => {
    const state = after(ends([hook('a', 'Succeeded')]));
    expect(deletion(state)).toEqual({ cascade: true, ended: ['PreDelete -1'], failures: 0 });
    expect(decide(ends([hook('a', 'Succeeded')]), state)).toEqual([]);
    expect(react(state)).toEqual([]);
  });

  it('that failed run again later and later, and it is said which', () => {
    const once = after(ends([hook('good', 'Succeeded'), hook('bad', 'Failed')]));
    expect(deletion(once)).toMatchObject({
      ended: [],
      failures: 1,
      retry: { phase: 'PreDelete', at: new Date(startedAt + 5_000).toISOString(), message: 'PreDelete hook failed: Job bad: back-off limit' },
    });
    expect(react(once)).toEqual([{ type: 'Wake', key: 'retry-deletion', wakeAt: startedAt + 5_000 }]);
    const many = after(...Array.from({ length: 12 }, () => ends([hook('bad', 'Failed')])));
    expect(deletion(many)?.retry?.at).toBe(new Date(startedAt + 180_000).toISOString());
  });

  it('that succeed at last hold up nothing', () => {
    expect(deletion(after(ends([hook('a', 'Failed')]), ends([hook('a', 'Succeeded')])))).toEqual({ cascade: true, ended: ['PreDelete -1'], failures: 1 });
  });

  it('are nothing to an application that is not being deleted', () => {
    const state = [declared].map(record).reduce(evolve, initialState);
    expect(decide(ends([hook('a', 'Failed')]), state)).toEqual([]);
  });

  it('are told as far as an event has room, those that failed first', () => {
    const many = Array.from({ length: 2_000 }, (_, index) => hook(`${index}`.padEnd(200, 'x'), index === 1_999 ? 'Failed' : 'Succeeded'));
    const [event] = decide(ends(many), after());
    expect(JSON.stringify(event).length).toBeLessThan(256 * 1024);
    expect(event).toMatchObject({ data: { hooks: expect.arrayContaining([expect.objectContaining({ status: 'Failed' })]) as unknown } });
  });
});
