import { describe, expect, it } from 'vitest';
import { readDeclaration } from './declaration.ts';

describe('a declaration', () => {
  const secretOf = (data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'hook', uid: 'u' },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
  });
  const good = { url: 'https://example.com/', secret: 's', subject: 'ann' };

  it('has a filter, keys and a beginning', () => {
    const data = { ...good, filter: '{"type":["HealthChanged"]}', previousSecret: 'p', from: '7', disabled: 'false' };
    expect(readDeclaration(secretOf(data), 'argocd').subscription).toMatchObject({
      filter: { types: ['HealthChanged'] },
      keys: ['s', 'p'],
      from: 7,
      disabled: undefined,
    });
  });

  it.each([
    ['now', undefined],
    ['', undefined],
    ['beginning', 1],
    ['12', 12],
  ])('begins at %j', (from, position) => expect(readDeclaration(secretOf({ ...good, from }), 'argocd').subscription?.from).toBe(position));

  it.each([
    [{ url: 'https://example.com/', subject: 'ann' }, /key secret/],
    [{ ...good, filter: '{' }, /key filter/],
    [{ ...good, filter: '{"nonsense":[]}' }, /key filter/],
    [{ ...good, filter: '{"type":["Nonsense"]}' }, /unknown type/],
    [{ ...good, from: 'soon' }, /key from/],
    [{ ...good, from: '0' }, /key from/],
    [{ ...good, from: '-1' }, /key from/],
  ])('says what is wrong: %j', (data, why) => expect(readDeclaration(secretOf(data), 'argocd').problem).toMatch(why));
});
