import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decidePolicy, decideProject, evolvePolicy, evolveProject, initialPolicy, initialProject } from './declaration.ts';
import type { DeclarationEvent, ProjectDeclaration } from './declaration.ts';
import { readPolicySettings } from './policy-settings.ts';
import { mayLogIn, readDurationSeconds, sessionClaims } from './session.ts';

const project = (description: string): ProjectDeclaration => ({ namespace: 'argocd', name: 'team', uid: 'u1', spec: { description, sourceRepos: ['*'] } });
const declared = (description: string): DeclarationEvent => ({ type: 'ProjectDeclared', data: project(description) });
const deleted: DeclarationEvent = { type: 'ProjectDeleted', data: { namespace: 'argocd', name: 'team', uid: 'u1' } };

const given = (...events: DeclarationEvent[]) => {
  const state = events.reduce(evolveProject, initialProject);
  return {
    when: (live: ProjectDeclaration | undefined) => ({ then: (...expected: DeclarationEvent[]) => expect(decideProject(state, live)).toEqual(expected) }),
  };
};

describe('a project', () => {
  it('is declared at first sight', () => given().when(project('a')).then(declared('a')));
  it('is declared again when its spec changed', () => given(declared('a')).when(project('b')).then(declared('b')));
  it('says nothing twice', () =>
    given(declared('a'))
      .when({ ...project('a'), spec: { sourceRepos: ['*'], description: 'a' } })
      .then());
  it('comes back to an older spec', () => given(declared('a'), declared('b')).when(project('a')).then(declared('a')));
  it('is deleted once', () => {
    given(declared('a')).when(undefined).then(deleted);
    given(declared('a'), deleted).when(undefined).then();
    given().when(undefined).then();
  });
  it('does not rise again under the same uid', () => given(declared('a'), deleted).when(project('a')).then());

  it('agrees with the resource after one decision, from any history', () => {
    const event = fc.oneof(fc.string().map(declared), fc.constant(deleted));
    fc.assert(
      fc.property(fc.array(event), fc.option(fc.string().map(project), { nil: undefined }), (history, live) => {
        const state = history.reduce(evolveProject, initialProject);
        const after = decideProject(state, live).reduce(evolveProject, state);
        expect(decideProject(after, live)).toEqual([]);
      }),
    );
  });
});

describe('the policy', () => {
  const read = (data: Record<string, string>) => readPolicySettings(data, 100).policy;

  it('is recorded when it changed, and only then', () => {
    const [event] = decidePolicy(initialPolicy, read({}));
    expect(event).toEqual({ type: 'PolicyChanged', data: { csv: '', defaultRole: '', scopes: ['groups'], matchMode: 'glob' } });
    const state = evolvePolicy(initialPolicy, event!);
    expect(decidePolicy(state, read({}))).toEqual([]);
    expect(decidePolicy(state, read({ 'policy.default': 'role:readonly' }))).toHaveLength(1);
  });

  it('joins the overlays by name', () => {
    expect(read({ 'policy.z.csv': 'z', 'policy.csv': 'base', 'policy.a.csv': 'a', 'policy.default': ' role:readonly ' })).toMatchObject({
      csv: 'base\na\nz',
      defaultRole: 'role:readonly',
    });
  });

  it.each([
    ['[groups, email]', ['groups', 'email']],
    ['["groups"]', ['groups']],
    ["- 'email'\n- groups", ['email', 'groups']],
    ['', ['groups']],
  ])('reads scopes %j', (scopes, expected) => expect(read({ scopes }).scopes).toEqual(expected));

  it('gives nothing when it is too large to record', () => {
    expect(readPolicySettings({ 'policy.csv': 'x'.repeat(101), 'policy.default': 'role:admin' }, 100)).toMatchObject({
      isTooLarge: true,
      policy: { csv: '', defaultRole: '' },
    });
  });
});

describe('a session', () => {
  it('has the claims of Argo CD', () => {
    expect(sessionClaims('admin', 'id', 100, 60)).toEqual({ iss: 'argocd', sub: 'admin:login', iat: 100, nbf: 100, exp: 160, jti: 'id' });
  });
  it.each([
    ['24h', 86_400],
    ['1h30m', 5_400],
    ['0s', undefined],
    ['soon', undefined],
    ['', undefined],
    ['1.5h', undefined],
  ])('of %s lasts %s s', (text, expected) => {
    expect(readDurationSeconds(text)).toBe(expected);
  });
  it('needs an account that is on, may log in and has a password', () => {
    const account = { name: 'a', isEnabled: true, canLogIn: true, passwordHash: 'h', apiKeys: [] };
    expect(mayLogIn(account)).toBe(true);
    for (const change of [{ isEnabled: false }, { canLogIn: false }, { passwordHash: undefined }]) expect(mayLogIn({ ...account, ...change })).toBe(false);
    expect(mayLogIn(undefined)).toBe(false);
  });
});
