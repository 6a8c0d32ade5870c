import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorise, compilePolicy, rightsOf } from './policy.ts';
import type { PolicySource } from './policy.ts';

const policy = (csv: string, rest: Partial<PolicySource> = {}) => compilePolicy({ csv, defaultRole: '', matchMode: 'glob', projects: [], ...rest });
const user = (subject: string, ...groups: string[]) => ({ subject, groups });

describe('built-in roles', () => {
  it('lets admin do everything and a stranger nothing', () => {
    for (const [resource, action, object] of [
      ['applications', 'sync', 'default/web'],
      ['applications', 'delete/apps/Deployment/ns/web', 'default/ns/web'],
      ['projects', 'create', 'team'],
      ['exec', 'create', 'default/web'],
    ] as const) {
      expect(authorise(policy(''), user('admin'), resource, action, object)).toBe(true);
      expect(authorise(policy(''), user('eve'), resource, action, object)).toBe(false);
    }
  });

  it('lets role:readonly read and no more', () => {
    const given = policy('g, viewers, role:readonly');
    expect(authorise(given, user('bob', 'viewers'), 'applications', 'get', 'default/web')).toBe(true);
    expect(authorise(given, user('bob', 'viewers'), 'logs', 'get', 'default/web')).toBe(true);
    expect(authorise(given, user('bob', 'viewers'), 'applications', 'sync', 'default/web')).toBe(false);
    expect(authorise(given, user('bob', 'viewers'), 'exec', 'create', 'default/web')).toBe(false);
  });
});

describe('policy.csv', () => {
  it('allows by role, through roles of roles, with * crossing /', () => {
    const given = policy('p, role:dev, applications, *, team/*, allow\ng, role:lead, role:dev\ng, ann, role:lead\ng, role:dev, role:lead');
    expect(authorise(given, user('ann'), 'applications', 'sync', 'team/ns/web')).toBe(true);
    expect(authorise(given, user('ann'), 'applications', 'sync', 'other/web')).toBe(false);
    expect(authorise(given, user('ann'), 'clusters', 'get', 'team/x')).toBe(false);
  });

  it('lets a deny override every allow, of the subject and of the groups', () => {
    const given = policy('p, role:dev, applications, *, */*, allow\np, ann, applications, delete, prod/*, deny\ng, devs, role:dev');
    expect(authorise(given, user('ann', 'devs'), 'applications', 'delete', 'prod/web')).toBe(false);
    expect(authorise(given, user('ann', 'devs'), 'applications', 'delete', 'test/web')).toBe(true);
    expect(authorise(given, user('bob', 'devs'), 'applications', 'delete', 'prod/web')).toBe(true);
  });

  it('gives everybody what the default role gives', () => {
    const given = policy('p, ann, applications, get, */*, deny', { defaultRole: 'role:readonly' });
    expect(authorise(given, user('ann'), 'applications', 'get', 'default/web')).toBe(true);
    expect(authorise(given, user('ann'), 'applications', 'sync', 'default/web')).toBe(false);
  });

  it('matches regular expressions where asked, and built-in rules all the same', () => {
    const given = policy('p, ann, applications, (get|sync), ^team-[0-9]+/.*, allow\ng, bob, role:admin', { matchMode: 'regex' });
    expect(authorise(given, user('ann'), 'applications', 'sync', 'team-1/web')).toBe(true);
    expect(authorise(given, user('ann'), 'applications', 'sync', 'team-x/web')).toBe(false);
    expect(authorise(given, user('bob'), 'applications', 'sync', 'team-x/web')).toBe(true);
  });

  it('reads quotes, comments and blanks', () => {
    const given = policy('# who\n\n p , "ann" ,applications, get, "a/x,y", allow \r\n');
    expect(given.problems).toEqual([]);
    expect(authorise(given, user('ann'), 'applications', 'get', 'a/x,y')).toBe(true);
  });

  it('leaves out a line that clearly allows, and reports it', () => {
    const given = policy('p, ann, applications, get, allow\np, bob, applications, get, */*, allow');
    expect(given.problems).toEqual([expect.stringContaining('line 1')]);
    expect(authorise(given, user('bob'), 'applications', 'get', 'a/b')).toBe(true);
  });

  it('sets the text aside when a rule that denies may be lost', () => {
    for (const line of [
      'p, bob, applications, get, */*, dney',
      'p, bob, applications, get, prod/*',
      'p, bob, applications, get, [prod, deny',
      'x',
      'p, "bob',
    ]) {
      const given = policy(`${line}\np, bob, applications, get, */*, allow`);
      expect(given.problems.length).toBeGreaterThan(0);
      expect(authorise(given, user('bob'), 'applications', 'get', 'prod/x')).toBe(false);
      expect(authorise(given, user('admin'), 'applications', 'get', 'prod/x')).toBe(true);
    }
  });

  it('never gives more than it would whole, whatever lines are spoilt', () => {
    const subject = fc.constantFrom('ann', 'devs', 'role:a', 'role:b');
    const pattern = fc.constantFrom('*', '*/*', 'team/*', 'team/web', 'get', 'sync', 'applications');
    const line = fc.oneof(
      fc
        .tuple(subject, fc.constantFrom('applications', '*'), fc.constantFrom('get', 'sync', '*'), pattern, fc.constantFrom('allow', 'deny'))
        .map((fields) => `p, ${fields.join(', ')}`),
      fc.tuple(subject, subject).map((fields) => `g, ${fields.join(', ')}`),
    );
    const spoil = fc.constantFrom<(text: string) => string>(
      (text) => text,
      (text) => text.slice(0, -1),
      (text) => text.split(', ').slice(0, -1).join(', '),
      (text) => `${text}, more`,
      (text) => `"${text}`,
      (text) => text.replace('*', '[*'),
      (text) => text.replace(/^./, 'x'),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, spoil), { maxLength: 8 }),
        fc.constantFrom('get', 'sync'),
        fc.constantFrom('team/web', 'other/x'),
        (lines, action, object) => {
          const whole = policy(lines.map(([text]) => text).join('\n'));
          const spoilt = policy(lines.map(([text, change]) => change(text)).join('\n'));
          fc.pre(spoilt.problems.length === lines.filter(([text, change]) => change(text) !== text).length);
          const ask = (given: typeof whole): boolean => authorise(given, user('ann', 'devs'), 'applications', action, object);
          if (ask(spoilt)) expect(ask(whole)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never throws, whatever is written', () => {
    const text = fc.string({ unit: fc.constantFrom('p', 'g', ',', ' ', '"', '\n', '*', '[', '#', 'allow', 'deny', 'admin', 'role:a', '\0') });
    fc.assert(fc.property(text, (csv) => void expect(typeof authorise(policy(csv), user('eve'), 'applications', 'get', 'a/b')).toBe('boolean')));
  });
});

describe('rights over everything', () => {
  it.each([
    ['admin', '', true],
    ['eve', '', false],
    ['bob', 'g, bob, role:readonly', true],
    ['bob', 'p, bob, applications, get, *, allow', true],
    ['bob', 'p, bob, applications, get, team/*, allow', false],
    ['bob', 'p, bob, applications, get, */w*, allow', false],
    ['bob', 'g, bob, role:readonly\np, bob, applications, get, prod/*, deny', false],
    ['bob', 'g, bob, role:readonly\np, bob, applications, sync, prod/*, deny', true],
  ])('%s under %j: %s', (subject, csv, expected) => {
    expect(rightsOf(policy(csv), user(subject)).mayWithAll('applications', 'get')).toBe(expected);
  });
});

describe('project roles', () => {
  const roles = [{ name: 'ci', groups: ['builders'], policies: ['p, proj:team:ci, applications, sync, team/*, allow'] }];
  const given = policy('p, proj:team:ci, clusters, get, *, allow\np, proj:team:ci, applications, get, */*, allow', { projects: [{ name: 'team', roles }] });

  it('give a token of the role its policies, and the project itself', () => {
    expect(authorise(given, user('proj:team:ci'), 'applications', 'sync', 'team/web')).toBe(true);
    expect(authorise(given, user('proj:team:ci'), 'projects', 'get', 'team')).toBe(true);
    expect(authorise(given, user('proj:team:ci'), 'applications', 'delete', 'team/web')).toBe(false);
  });

  it('keep a token within its project, whatever the global policy says', () => {
    expect(authorise(given, user('proj:team:ci'), 'applications', 'get', 'other/web')).toBe(false);
    expect(authorise(given, user('proj:team:ci'), 'clusters', 'get', 'https://x')).toBe(false);
  });

  it('give groups the role', () => {
    expect(authorise(given, user('bob', 'builders'), 'applications', 'sync', 'team/web')).toBe(true);
    expect(authorise(given, user('bob', 'others'), 'applications', 'sync', 'team/web')).toBe(false);
  });

  it.each([
    'p, proj:other:ci, applications, sync, team/*, allow',
    'p, role:admin, applications, sync, team/*, allow',
    'p, proj:team:ci, applications, sync, */*, allow',
    'g, bob, role:admin',
    'p, proj:team:ci, applications, sync, team/*, allow\np, eve, applications, *, team/*, allow',
  ])('give nothing where a policy reaches further: %s', (line) => {
    const wide = policy('', { projects: [{ name: 'team', roles: [{ name: 'ci', groups: ['builders'], policies: [line] }] }] });
    expect(wide.problems.length).toBeGreaterThan(0);
    for (const caller of [user('proj:team:ci'), user('bob', 'builders'), user('eve')])
      expect(authorise(wide, caller, 'applications', 'sync', 'team/web')).toBe(false);
  });
});
