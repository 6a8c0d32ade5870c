import type { AppProjectSpec } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { permitsDestination, permitsObject, permitsResource, permitsSource } from './project-rules.ts';
import { validateProject } from './project-validation.ts';

const project = (spec: AppProjectSpec) => ({ name: 'team', spec });

describe('permitsSource', () => {
  it.each([
    [['*'], 'https://git/x/y', true],
    [[], 'https://git/x', false],
    [['https://git/*'], 'https://git/x', true],
    [['https://git/*'], 'https://git/x/y', false],
    [['https://git/**'], 'https://git/x/y', true],
    [['!https://git/x'], 'https://git/y', true],
    [['!https://git/x'], 'https://git/x.git', false],
    [['*', '!https://git/x'], 'https://git/x', false],
    [['*', '!https://git/x'], 'https://git/y', true],
    [['https://git/a', '!https://git/x'], 'https://git/y', true],
    [['git@Git:Org/Repo.git'], 'ssh://git@git/org/repo', true],
    [['https://Git/X.git'], 'https://git/x', true],
    [['!*'], 'https://git/x', false],
    [['*', '![oops'], 'https://git/x', false],
    [['[oops'], '[oops', false],
  ])('%j and %s: %s', (sourceRepos, url, isAllowed) => {
    expect(permitsSource(project({ sourceRepos }), url).allowed).toBe(isAllowed);
  });

  it('says why, without what must stay secret', () => {
    expect(permitsSource(project({ sourceRepos: [] }), 'https://user:token@git/x')).toEqual({
      allowed: false,
      reason: "application repo https://git/x is not permitted in project 'team'",
    });
  });
});

describe('permitsDestination', () => {
  const here = 'https://kubernetes.default.svc';
  it.each([
    [[{ server: '*', namespace: '*' }], true],
    [[{ server: here, namespace: 'web' }], true],
    [[{ name: 'in-cluster', namespace: 'w*' }], true],
    [[{ server: 'https://other', namespace: '*' }], false],
    [[{ server: here, namespace: 'api' }], false],
    [
      [
        { server: '*', namespace: '*' },
        { server: '*', namespace: '!web' },
      ],
      false,
    ],
    [
      [
        { server: '*', namespace: '*' },
        { server: '*', namespace: '!kube-system' },
      ],
      true,
    ],
    [
      [
        { server: '*', namespace: '*' },
        { server: `!${here}`, namespace: '*' },
      ],
      false,
    ],
    [
      [
        { name: '*', namespace: '*' },
        { name: '!in-cluster', namespace: '*' },
      ],
      false,
    ],
    [[], false],
  ])('%j: %s', (destinations, isAllowed) => {
    expect(permitsDestination(project({ destinations }), { server: here, name: 'in-cluster', namespace: 'web' }).allowed).toBe(isAllowed);
  });

  it('lets * cross anything', () => {
    expect(
      permitsDestination(project({ destinations: [{ server: 'https://*', namespace: 'prod-*' }] }), { server: 'https://a/b', namespace: 'prod-1' }).allowed,
    ).toBe(true);
  });
});

describe('permitsResource', () => {
  const deployment = { group: 'apps', kind: 'Deployment', name: 'web', namespaced: true };
  const role = { group: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'team-reader', namespaced: false };

  it.each<[AppProjectSpec, boolean]>([
    [{}, true],
    [{ namespaceResourceWhitelist: [] }, false],
    [{ namespaceResourceWhitelist: [{ group: 'apps', kind: '*' }] }, true],
    [{ namespaceResourceWhitelist: [{ group: '', kind: '*' }] }, false],
    [{ namespaceResourceBlacklist: [{ group: '*', kind: 'Deploy*' }] }, false],
    [{ namespaceResourceBlacklist: [{ group: '*', kind: '[oops' }] }, false],
  ])('namespaced, %j: %s', (spec, isAllowed) => {
    expect(permitsResource(project(spec), deployment).allowed).toBe(isAllowed);
  });

  it.each<[AppProjectSpec, boolean]>([
    [{}, false],
    [{ clusterResourceWhitelist: [] }, false],
    [{ clusterResourceWhitelist: [{ group: '*', kind: '*' }] }, true],
    [{ clusterResourceWhitelist: [{ group: '*', kind: 'ClusterRole', name: 'team-*' }] }, true],
    [{ clusterResourceWhitelist: [{ group: '*', kind: 'ClusterRole', name: 'other-*' }] }, false],
    [{ clusterResourceWhitelist: [{ group: '*', kind: '*' }], clusterResourceBlacklist: [{ group: '*', kind: 'ClusterRole' }] }, false],
  ])('cluster-scoped, %j: %s', (spec, isAllowed) => {
    expect(permitsResource(project(spec), role).allowed).toBe(isAllowed);
  });

  it("answers with Argo CD's sentences", () => {
    expect(permitsResource(project({}), role)).toEqual({
      allowed: false,
      reason: 'resource rbac.authorization.k8s.io:ClusterRole is not permitted in project team',
    });
    const spec = { destinations: [{ server: '*', namespace: 'a' }] };
    expect(permitsObject(project(spec), { ...deployment, namespace: 'b' }, { server: 'https://x' })).toEqual({
      allowed: false,
      reason: "namespace b is not permitted in project 'team'",
    });
    expect(permitsObject(project(spec), { ...deployment, namespace: 'a' }, { server: 'https://x' })).toEqual({ allowed: true });
  });
});

describe('validateProject', () => {
  it('finds nothing wrong with the default project', () => {
    const spec = { sourceRepos: ['*'], destinations: [{ server: '*', namespace: '*' }], clusterResourceWhitelist: [{ group: '*', kind: '*' }] };
    expect(validateProject({ name: 'default', spec })).toEqual([]);
  });

  it.each<[AppProjectSpec, RegExp]>([
    [{ sourceRepos: ['!*'] }, /forbid everything/],
    [{ sourceRepos: ['a', 'a'] }, /twice/],
    [{ sourceRepos: ['[a'] }, /can be read/],
    [{ destinations: [{ namespace: 'a' }] }, /needs a server or a name/],
    [{ destinations: [{ server: '*', namespace: '!*' }] }, /forbid everything/],
    [{ roles: [{ name: 'a' }, { name: 'a' }] }, /twice/],
    [{ roles: [{ name: '-a' }] }, /letters and digits/],
    [{ roles: [{ name: 'ci', policies: ['p, proj:team:ci, applications, get, other/*, allow'] }] }, /about team\//],
    [{ roles: [{ name: 'ci', policies: ['p, proj:team:cd, applications, get, team/*, allow'] }] }, /must be for proj:team:ci/],
    [{ roles: [{ name: 'ci', policies: ['p, proj:team:ci, applications, fly, team/*, allow'] }] }, /unknown action/],
    [{ roles: [{ name: 'ci', policies: ['p, proj:team:ci, accounts, get, team/*, allow'] }] }, /unknown resource/],
    [{ roles: [{ name: 'ci', policies: ['nonsense'] }] }, /begins with p or g/],
    [{ roles: [{ name: 'ci', groups: ['a', 'a'] }] }, /twice/],
    [{ syncWindows: [{ kind: 'allow', schedule: '* * *', duration: '1h' }] }, /five fields/],
    [{ syncWindows: [{ kind: 'allow', schedule: '* * * * *', duration: 'soon' }] }, /duration/],
  ])('%j', (spec, message) => {
    expect(validateProject({ name: 'team', spec }).join('\n')).toMatch(message);
  });
});
