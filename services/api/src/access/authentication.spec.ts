import { readAccounts } from '@plumbline/policy';
import { SignJWT, UnsecuredJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { makeAccessModel } from './access-model.ts';
import { authenticate, tokenOf } from './authentication.ts';
import type { ControlSettings } from './control-settings.ts';

const nowSeconds = 1_900_000_000;
const secret = { 'server.secretkey': 'key', 'admin.password': 'hash', 'admin.passwordMtime': new Date((nowSeconds - 1000) * 1000).toISOString() };
const settings: ControlSettings = {
  isKnown: () => true,
  settings: () => ({}),
  secret: () => secret,
  accounts: () => readAccounts({}, secret),
  stop: async () => undefined,
};
const access = makeAccessModel();
const metadata = { actor: 'a', service: 'rbac', schemaVersion: 1 };
access.consumer.committed!([
  { position: 1, id: '1', stream: 'account-admin', version: 1, type: 'TokenRevoked', data: { subject: 'admin', tokenId: 'revoked' }, metadata, at: '' },
  {
    position: 2,
    id: '2',
    stream: 'project-team/u',
    version: 1,
    type: 'ProjectDeclared',
    data: { namespace: 'argocd', name: 'team', uid: 'u', spec: { roles: [{ name: 'ci', jwtTokens: [{ iat: 7 }, { iat: 8, id: 'p1' }] }] } },
    metadata,
    at: '',
  },
]);

const good = { iss: 'argocd', sub: 'admin:login', iat: nowSeconds - 10, nbf: nowSeconds - 10, exp: nowSeconds + 10, jti: 't1' };
const sign = (claims: Record<string, unknown>, key = 'key', alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
const ask = (token: string | undefined) => authenticate(token, { settings, access, clock: () => nowSeconds * 1000 });

describe('a token', () => {
  it('speaks for its subject', async () => {
    const caller = await ask(await sign(good));
    expect(caller.subject).toBe('admin');
    expect(caller.rights.may('applications', 'sync', 'default/web')).toBe(true);
  });

  it.each([
    ['signed with another key', () => sign(good, 'other')],
    ['of another algorithm', () => sign(good, 'k'.repeat(64), 'HS512')],
    ['of HS512 with the right key', () => sign(good, 'key', 'HS512')],
    ['of another issuer', () => sign({ ...good, iss: 'plumbline-api' })],
    ['that has expired', () => sign({ ...good, exp: nowSeconds - 60 })],
    ['that is not valid yet', () => sign({ ...good, nbf: nowSeconds + 60 })],
    ['without an end', () => sign({ ...good, exp: undefined })],
    ['without a subject', () => sign({ ...good, sub: undefined })],
    ['without an id', () => sign({ ...good, jti: undefined })],
    ['that was revoked', () => sign({ ...good, jti: 'revoked' })],
    ['from before the password was changed', () => sign({ ...good, iat: nowSeconds - 2000 })],
    ['of an account that is not there', () => sign({ ...good, sub: 'eve:login' })],
    ['of a project token that was not given out', () => sign({ iss: 'argocd', sub: 'proj:team:ci', iat: 9, jti: 'p2' })],
    ['without a signature', async () => new UnsecuredJWT(good).encode()],
    ['that is none', async () => 'nothing'],
    ['that is too long', async () => 'a'.repeat(10_000)],
  ])('%s is refused', async (_, make) => {
    await expect(ask(await make())).rejects.toMatchObject({ code: 'unauthenticated', message: 'invalid session: log in again' });
  });

  it('of a project, listed by id or by time, speaks for its role', async () => {
    expect((await ask(await sign({ iss: 'argocd', sub: 'proj:team:ci', iat: 8, jti: 'p1' }))).subject).toBe('proj:team:ci');
    expect((await ask(await sign({ iss: 'argocd', sub: 'proj:team:ci', iat: 7 }))).subject).toBe('proj:team:ci');
  });

  it('that is missing is asked for', async () => {
    await expect(ask(undefined)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('is refused as long as the key is not known', async () => {
    const unknown = { ...settings, isKnown: () => false };
    await expect(authenticate(await sign(good), { settings: unknown, access, clock: () => nowSeconds * 1000 })).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('the token of a request', () => {
  it.each([
    [{ authorization: 'Bearer abc.def.ghi' }, 'abc.def.ghi'],
    [{ authorization: 'bearer abc' }, 'abc'],
    [{ authorization: 'Basic abc' }, undefined],
    [{ authorization: 'Bearer a b' }, undefined],
    [{ authorization: 'Bearer ' }, undefined],
    [{ cookie: 'x=y; argocd.token=abc' }, 'abc'],
    [{ cookie: 'argocd.token=2:abc; argocd.token-1=def' }, 'abcdef'],
    [{ cookie: 'argocd.token=' }, undefined],
    [{ authorization: 'Bearer abc', cookie: 'argocd.token=abc' }, 'abc'],
    [{ authorization: 'Bearer abc', cookie: 'argocd.token=def' }, undefined],
    [{ authorization: 'Basic x', cookie: 'argocd.token=abc' }, undefined],
    [{}, undefined],
  ])('%j: %s', (headers, expected) => expect(tokenOf(headers)).toBe(expected));
});
