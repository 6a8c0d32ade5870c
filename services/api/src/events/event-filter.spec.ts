import { describe, expect, it } from 'vitest';
import { asksForOwner, filterKey, matches, parseEventFilter } from './event-filter.ts';

const parse = (query: Record<string, unknown>) => parseEventFilter(query, 'argocd');
const web = { namespace: 'argocd', name: 'web', project: 'team' };
const compared = { stream: 'application-argocd/web/u', type: 'ApplicationCompared' };

describe('a filter', () => {
  it('lets everything through when nothing is asked', () => {
    expect(parse({ after: '7' })).toEqual({});
    expect(matches({}, compared, web)).toBe(true);
    expect(matches({}, { stream: 'policy-rbac', type: 'PolicyChanged' }, undefined)).toBe(true);
  });

  it('takes values repeated or separated by commas', () => {
    expect(parse({ type: ['SyncFailed', 'SyncSucceeded, SyncStarted'] })).toEqual({ types: new Set(['SyncFailed', 'SyncSucceeded', 'SyncStarted']) });
    expect(parse({ application: 'web,other/db' })).toEqual({ applications: new Set(['argocd/web', 'other/db']) });
  });

  it.each([
    [{ category: 'applications' }, /unknown category "applications"; allowed are account, application, command/],
    [{ type: 'Synced' }, /unknown type "Synced"; allowed are ApplicationCompared, /],
    [{ type: '' }, /unknown type ""/],
    [{ application: 'a/b/c' }, /must be a name or namespace\/name/],
    [{ application: 'Web' }, /not a Kubernetes name/],
    [{ project: '*' }, /not a Kubernetes name/],
    [{ project: { x: 1 } }, /must be text/],
    [{ project: Array.from({ length: 101 }, (_, i) => `p${i}`) }, /at most 100 values/],
  ])('is refused with what is allowed: %j', (query, message) => expect(() => parse(query)).toThrow(message));

  it.each<[Record<string, unknown>, boolean]>([
    [{ category: 'application' }, true],
    [{ category: 'repository,command' }, false],
    [{ type: 'ApplicationCompared' }, true],
    [{ type: 'SyncFailed' }, false],
    [{ application: 'web' }, true],
    [{ application: 'other/web' }, false],
    [{ project: 'team' }, true],
    [{ project: 'other' }, false],
    [{ project: 'team', type: 'SyncFailed' }, false],
    [{ project: 'team', application: 'web', category: 'application', type: 'ApplicationCompared' }, true],
  ])('%j of an application event: %j', (query, isAskedFor) => expect(matches(parse(query), compared, web)).toBe(isAskedFor));

  it('counts a project’s own events as the project’s, and nothing else without an application', () => {
    expect(matches(parse({ project: 'team' }), { stream: 'project-team/p', type: 'ProjectDeclared' }, undefined)).toBe(true);
    expect(matches(parse({ project: 'team' }), { stream: 'policy-rbac', type: 'PolicyChanged' }, undefined)).toBe(false);
    expect(matches(parse({ application: 'web' }), { stream: 'repository-r', type: 'RevisionObserved' }, undefined)).toBe(false);
    expect(matches(parse({ project: 'team' }), compared, { ...web, project: undefined })).toBe(false);
  });

  it('says when it needs to know whose an event is, and is known by its content', () => {
    expect([parse({ project: 'a' }), parse({ application: 'a' }), parse({ type: 'SyncFailed' })].map(asksForOwner)).toEqual([true, true, false]);
    expect(filterKey(parse({ project: 'a,b' }))).toBe(filterKey(parse({ project: ['b', 'a'] })));
    expect(filterKey(parse({ project: 'a' }))).not.toBe(filterKey(parse({ application: 'a' })));
  });
});
