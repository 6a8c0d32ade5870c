import { expect, it } from 'vitest';
import { chooseCredentials, type CredentialSecret } from './choose-credentials.ts';

const own = (url: string, credentials: CredentialSecret['credentials']): CredentialSecret => ({ scope: 'repository', url, credentials });
const template = (url: string, password: string): CredentialSecret => ({ scope: 'repo-creds', url, credentials: { username: 'bot', password } });
const templates = [template('https://git.example', 'all'), template('https://git.example/team', 'team'), template('git@git.example:team', 'ssh')];

it.each([
  ['https://git.example/team/app', 'team'],
  ['https://GIT.example/team/app.git', 'team'],
  ['https://git.example/other/app', 'all'],
  ['https://git.example/teams/app', 'all'],
  ['git@git.example:team/app.git', 'ssh'],
  ['https://git.example.net/team/app', undefined],
  ['http://git.example/team/app', undefined],
])('%s takes the template of the longest address that it lies below: %s', (url, expected) => {
  expect(chooseCredentials(templates, url)?.password).toBe(expected);
});

it('prefers the repository’s own Secret', () => {
  expect(chooseCredentials([...templates, own('https://git.example/team/app.git', { password: 'mine' })], 'https://git.example/team/app')).toEqual({
    password: 'mine',
  });
});

it('completes an own Secret that can’t log in by a template, and keeps its insecure', () => {
  expect(chooseCredentials([...templates, own('https://git.example/team/app', { insecure: true })], 'https://git.example/team/app')).toEqual({
    username: 'bot',
    password: 'team',
    insecure: true,
  });
  expect(chooseCredentials([own('https://git.example/team/app', { insecure: true })], 'https://git.example/team/app')).toEqual({ insecure: true });
  expect(chooseCredentials([own('https://git.example/team/app', {})], 'https://git.example/else')).toBeUndefined();
});
