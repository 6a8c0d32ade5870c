import { describe, expect, it } from 'vitest';
import { matches, parseEventFilter } from './event-filter.ts';
import type { EventFilter, EventOwner } from './event-filter.ts';

describe('a filter', () => {
  it('asks for everything when nothing is given', () => expect(parseEventFilter({ after: '1' }, 'argocd')).toEqual({}));

  it('takes values that are repeated, and values with commas', () =>
    expect(
      parseEventFilter({ category: ['application', 'command'], application: 'web,team-a/db', project: 'default', type: 'SyncFailed,DriftDetected' }, 'argocd'),
    ).toEqual({
      categories: ['application', 'command'],
      applications: ['argocd/web', 'team-a/db'],
      projects: ['default'],
      types: ['SyncFailed', 'DriftDetected'],
    }));

  it.each([
    [{ category: 'applications' }, /unknown category "applications"; allowed are application, repository/],
    [{ category: '' }, /unknown category ""/],
    [{ type: 'SyncFailed,Nonsense' }, /unknown type "Nonsense"; allowed are .*SyncFailed/],
    [{ type: 'syncfailed' }, /unknown type/],
    [{ project: 'a b' }, /unknown project/],
    [{ application: 'a/b/c' }, /unknown application "a\/b\/c"; allowed are name, or namespace\/name/],
    [{ application: '../x' }, /unknown application/],
    [{ application: Array.from({ length: 101 }, (_, i) => `a${i}`) }, /at most 100/],
    [{ type: [{}] }, /type must be text/],
  ])('is refused with what is allowed: %j', (query, message) => expect(() => parseEventFilter(query, 'argocd')).toThrow(message));
});

describe('an event', () => {
  const web: EventOwner = { namespace: 'argocd', name: 'web', project: 'team' };
  const failed = { type: 'SyncFailed', stream: 'application-argocd/web/u1' };
  it.each<[EventFilter, boolean]>([
    [{}, true],
    [{ categories: ['application'] }, true],
    [{ categories: ['command', 'application'] }, true],
    [{ categories: ['command'] }, false],
    [{ types: ['SyncFailed'] }, true],
    [{ types: ['SyncStarted'] }, false],
    [{ applications: ['argocd/web'] }, true],
    [{ applications: ['argocd/we'] }, false],
    [{ applications: ['other/web'] }, false],
    [{ projects: ['team'] }, true],
    [{ projects: ['default'] }, false],
    [{ projects: ['team'], types: ['SyncStarted'] }, false],
  ])('fits %j: %s', (filter, expected) => expect(matches(filter, failed, web)).toBe(expected));

  it('of a project is of that project', () => {
    const declared = { type: 'ProjectDeclared', stream: 'project-team/u2' };
    expect(matches({ projects: ['team'] }, declared, undefined)).toBe(true);
    expect(matches({ projects: ['tea'] }, declared, undefined)).toBe(false);
  });

  it('that nobody owns is of no project', () => expect(matches({ projects: ['team'] }, { type: 'CommandDone', stream: 'command-1' }, undefined)).toBe(false));
});
