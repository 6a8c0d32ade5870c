import type { RepositoryEvent } from '@plumbline/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, evolve, initialState, refsRememberedMax, type ObservedRevision, type RepositoryCommand, type RepositoryState } from './repository.ts';

const repository = 'r1';
const url = 'https://git.example.org/demo';
const registered: RepositoryEvent = { type: 'RepositoryRegistered', data: { repository, url } };
const unreachable: RepositoryEvent = { type: 'RepositoryUnreachable', data: { repository, url, message: 'no route' } };
const recovered: RepositoryEvent = { type: 'RepositoryRecovered', data: { repository, url } };
const forgotten: RepositoryEvent = { type: 'RepositoryForgotten', data: { repository, url } };
const finding = (ref: string, commit: string): ObservedRevision => ({
  ref,
  commit,
  tree: `tree-of-${commit}`,
  author: 'Ada',
  date: '2026-01-01T00:00:00.000Z',
  message: 'Change',
});
const observed = (ref: string, commit: string): RepositoryEvent => ({ type: 'RevisionObserved', data: { repository, url, ...finding(ref, commit) } });
const unresolved = (ref: string, message: string): RepositoryEvent => ({ type: 'RefUnresolved', data: { repository, url, ref, message } });
const observe = (...findings: Extract<RepositoryCommand, { type: 'Observe' }>['findings']): RepositoryCommand => ({ type: 'Observe', repository, findings });

const given = (...events: RepositoryEvent[]) => ({
  when: (command: RepositoryCommand) => ({
    then: (...expected: RepositoryEvent[]) => expect(decide(command, events.reduce(evolve, initialState))).toEqual(expected),
  }),
});

describe('a repository', () => {
  it('is registered once', () => {
    given().when({ type: 'Register', repository, url }).then(registered);
    given(registered).when({ type: 'Register', repository, url }).then();
    given(registered, forgotten).when({ type: 'Register', repository, url }).then(registered);
  });

  it('says what a ref points to when that changed, and only then', () => {
    given(registered)
      .when(observe(finding('HEAD', 'c1'), finding('v1', 'c1')))
      .then(observed('HEAD', 'c1'), observed('v1', 'c1'));
    given(registered, observed('HEAD', 'c1'))
      .when(observe(finding('HEAD', 'c1')))
      .then();
    given(registered, observed('HEAD', 'c1'))
      .when(observe(finding('HEAD', 'c2')))
      .then(observed('HEAD', 'c2'));
  });

  it('takes a ref that went back to an older commit for news like any other', () => {
    given(registered, observed('HEAD', 'c1'), observed('HEAD', 'c2'))
      .when(observe(finding('HEAD', 'c1')))
      .then(observed('HEAD', 'c1'));
  });

  it('says once that a ref leads nowhere, again when the reason changes, and when it leads somewhere again', () => {
    const missing = { ref: 'v9', unresolved: 'no such ref' };
    given(registered).when(observe(missing)).then(unresolved('v9', 'no such ref'));
    given(registered, unresolved('v9', 'no such ref')).when(observe(missing)).then();
    given(registered, unresolved('v9', 'no such ref'))
      .when(observe({ ref: 'v9', unresolved: 'not a commit' }))
      .then(unresolved('v9', 'not a commit'));
    given(registered, observed('v9', 'c1'), unresolved('v9', 'no such ref'))
      .when(observe(finding('v9', 'c1')))
      .then(observed('v9', 'c1'));
  });

  it('says once that it is unreachable and once that it is back, before what is new', () => {
    given(registered).when({ type: 'ReportUnreachable', repository, message: 'no route' }).then(unreachable);
    given(registered, unreachable).when({ type: 'ReportUnreachable', repository, message: 'still no route' }).then();
    given(registered, observed('HEAD', 'c1'), unreachable)
      .when(observe(finding('HEAD', 'c2')))
      .then(recovered, observed('HEAD', 'c2'));
    given(registered, observed('HEAD', 'c1'), unreachable)
      .when(observe(finding('HEAD', 'c1')))
      .then(recovered);
  });

  it('says nothing that nobody asked to know', () => {
    given()
      .when(observe(finding('HEAD', 'c1')))
      .then();
    given(registered, forgotten).when({ type: 'ReportUnreachable', repository, message: 'no route' }).then();
    given(registered, forgotten).when({ type: 'Forget', repository }).then();
  });

  it('starts from nothing after it was forgotten: its objects are gone too', () => {
    given(registered, observed('HEAD', 'c1')).when({ type: 'Forget', repository }).then(forgotten);
    given(registered, observed('HEAD', 'c1'), forgotten, registered)
      .when(observe(finding('HEAD', 'c1')))
      .then(observed('HEAD', 'c1'));
  });

  it('remembers the refs observed last, not all that ever were', () => {
    const many = Array.from({ length: refsRememberedMax + 5 }, (_, index) => observed(`r${index}`, 'c'));
    const state = [registered, ...many.slice(-20)].reduce(evolve, initialState);
    expect(Object.keys((state as Extract<RepositoryState, { status: 'reachable' }>).refs)).toHaveLength(20);
    const full: RepositoryState = {
      status: 'reachable',
      url,
      refs: Object.fromEntries(many.slice(0, refsRememberedMax).map((_, index) => [`r${index}`, { unresolved: '' }])),
    };
    const after = evolve(full, observed('new', 'c')) as Extract<RepositoryState, { status: 'reachable' }>;
    expect(Object.keys(after.refs)).toHaveLength(refsRememberedMax);
    expect(after.refs).not.toHaveProperty('r0');
    expect(after.refs).toHaveProperty('new');
  });

  it('decides nothing when the same command is given again to what came of it', () => {
    const ref = fc.constantFrom('HEAD', 'main', 'v1', '__proto__');
    const command: fc.Arbitrary<RepositoryCommand> = fc.oneof(
      fc.constant<RepositoryCommand>({ type: 'Register', repository, url }),
      fc.constant<RepositoryCommand>({ type: 'ReportUnreachable', repository, message: 'no route' }),
      fc.constant<RepositoryCommand>({ type: 'Forget', repository }),
      fc
        .uniqueArray(fc.record({ ref, commit: fc.constantFrom('c1', 'c2') }), { selector: (pair) => pair.ref })
        .map((pairs) => observe(...pairs.map((pair) => finding(pair.ref, pair.commit)))),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 12 }), (commands) => {
        let state: RepositoryState = initialState;
        for (const next of commands) {
          state = decide(next, state).reduce(evolve, state);
          expect(decide(next, state)).toEqual([]);
        }
      }),
    );
  });
});
