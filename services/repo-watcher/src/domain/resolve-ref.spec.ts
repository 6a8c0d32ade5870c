import { describe, expect, it } from 'vitest';
import { resolveRef, type Refs } from './resolve-ref.ts';

const commit = (digit: string): string => digit.repeat(40);
const remote: Refs = {
  head: 'refs/heads/trunk',
  refs: new Map([
    ['HEAD', commit('a')],
    ['refs/heads/both', commit('1')],
    ['refs/heads/feature/one', commit('2')],
    ['refs/heads/trunk', commit('a')],
    ['refs/heads/1.x', commit('3')],
    ['refs/pull/7/head', commit('4')],
    ['refs/tags/both', commit('5')],
    ['refs/tags/v1.0', commit('6')],
    ['refs/tags/v1.2.0', commit('7')],
    ['refs/tags/v1.10.0', commit('8')],
    ['refs/tags/v2.0.0-rc.1', commit('9')],
    ['refs/tags/0.9.0', commit('b')],
    ['refs/tags/nightly', `${'c'.repeat(8)}${'0'.repeat(32)}`],
  ]),
};

describe('resolveRef', () => {
  it.each([
    ['', commit('a')],
    ['HEAD', commit('a')],
    ['trunk', commit('a')],
    ['refs/heads/trunk', commit('a')],
    ['feature/one', commit('2')],
    ['refs/pull/7/head', commit('4')],
    ['both', commit('1')],
    ['refs/tags/both', commit('5')],
    [commit('f'), commit('f')],
    [commit('F'), commit('f')],
    // A pin is a name …
    ['v1.0', commit('6')],
    ['v1.2.0', commit('7')],
    // … a constraint is the highest tag, also where a branch has that name.
    ['1.x', commit('8')],
    ['*', commit('8')],
    ['^1.0', commit('8')],
    ['~1.2', commit('7')],
    ['>=1.0, <1.5', commit('7')],
    ['>=1.0 <1.5', commit('7')],
    ['1.0 - 1.5', commit('7')],
    ['=>1.0,=<1.9', commit('7')],
    ['<1.0 || >=1.10', commit('8')],
    ['>0.1, !=1.10.0', commit('7')],
    ['>=2.0.0-0', commit('9')],
    ['>=1.0.0-0', commit('9')],
    ['cccccccc', `${'c'.repeat(8)}${'0'.repeat(32)}`],
  ])('finds %j', (typed, expected) => {
    expect(resolveRef(remote, typed).commit).toBe(expected);
  });

  it.each(['absent', 'feature', 'tags/both', '1.0.0', '>=2.0', '>=3.0', 'ccccc', 'ddddddd', 'one'])('does not find %j', (typed) => {
    expect(() => resolveRef(remote, typed)).toThrow(`unable to resolve '${typed}' to a commit SHA`);
  });

  it('says which ref leads there, so that it can be fetched by name', () => {
    expect(resolveRef(remote, '')).toEqual({ commit: commit('a'), name: 'refs/heads/trunk' });
    expect(resolveRef(remote, '~1.2')).toEqual({ commit: commit('7'), name: 'refs/tags/v1.2.0' });
    expect(resolveRef(remote, commit('a'))).toEqual({ commit: commit('a') });
  });

  it('uses the commit of HEAD where the remote names no branch for it', () => {
    expect(resolveRef({ refs: new Map([['HEAD', commit('a')]]) }, 'HEAD')).toEqual({ commit: commit('a'), name: 'HEAD' });
    expect(() => resolveRef({ refs: new Map() }, 'HEAD')).toThrow("unable to resolve 'HEAD'");
  });
});
