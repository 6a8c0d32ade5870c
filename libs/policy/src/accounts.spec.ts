import { describe, expect, it } from 'vitest';
import { readAccounts, subjectOf } from './accounts.ts';

const settings = { 'accounts.ci': 'apiKey', 'accounts.ann': 'login, apiKey', 'accounts.old': 'login', 'accounts.old.enabled': 'false' };
const secret = {
  'admin.password': '$2a$10$x',
  'admin.passwordMtime': '2030-01-01T00:00:00Z',
  'accounts.ci.tokens': JSON.stringify([{ id: 'k1', iat: 1 }, { id: 'k2', iat: 1, exp: 100 }, 'garbage']),
};
const changedAt = Date.parse('2030-01-01T00:00:00Z') / 1000;
const register = {
  accounts: readAccounts(settings, secret),
  isRevoked: (id: string) => id === 'revoked',
  projectTokens: (project: string, role: string) => (project === 'team' && role === 'ci' ? ['p1'] : []),
};
const ask = (subject: string, tokenId = 't', issuedAt = changedAt) => subjectOf({ subject, tokenId, issuedAt }, register, 200);

describe('subjectOf', () => {
  it.each([
    ['admin:login', 't', 'admin'],
    ['admin', 't', 'admin'],
    ['admin:login', 'revoked', undefined],
    ['admin:login', '', undefined],
    ['admin:apiKey', 'k1', undefined],
    ['ci:apiKey', 'k1', 'ci'],
    ['ci:apiKey', 'k2', undefined],
    ['ci:apiKey', 'k3', undefined],
    ['ci:login', 't', undefined],
    ['ann:login', 't', 'ann'],
    ['old:login', 't', undefined],
    ['eve:login', 't', undefined],
    ['admin:login:x', 't', undefined],
    ['', 't', undefined],
    ['proj:team:ci', 'p1', 'proj:team:ci'],
    ['proj:team:ci', 'p2', undefined],
    ['proj:team:ci:x', 'p1', undefined],
    ['proj:other:ci', 'p1', undefined],
  ])('%s with id %j: %s', (subject, id, expected) => {
    expect(ask(subject, id)).toBe(expected);
  });

  it('voids sessions from before the password was changed', () => {
    expect(ask('admin:login', 't', changedAt - 1)).toBeUndefined();
  });

  it('knows no admin who is switched off', () => {
    const off = { ...register, accounts: readAccounts({ 'admin.enabled': 'false' }, secret) };
    expect(subjectOf({ subject: 'admin:login', tokenId: 't', issuedAt: changedAt }, off, 0)).toBeUndefined();
  });
});
