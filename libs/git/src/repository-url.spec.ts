import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { normaliseRepositoryUrl, parseRepositoryUrl, repositoryId, repositoryPlace, withoutUserInfo } from './repository-url.ts';

describe('normaliseRepositoryUrl', () => {
  it.each([
    ['https://Git.Example.org/Team/App.git', 'https://git.example.org/team/app'],
    ['  https://git.example.org/team/app/ ', 'https://git.example.org/team/app'],
    ['https://git.example.org:443/team/app', 'https://git.example.org/team/app'],
    ['https://git.example.org:8443/team/app', 'https://git.example.org:8443/team/app'],
    ['https://ada:secret@git.example.org/team/app', 'https://git.example.org/team/app'],
    ['git@git.example.org:team/app.git', 'ssh://git.example.org/team/app'],
    ['git.example.org:team/app', 'ssh://git.example.org/team/app'],
    ['ssh://git@git.example.org/team/app.git', 'ssh://git.example.org/team/app'],
    ['ssh://git@git.example.org:2222/team/app.git', 'ssh://git.example.org:2222/team/app'],
    ['http://[::1]:3000/app', 'http://[::1]:3000/app'],
    ['oci://registry.example.org/Chart', 'oci://registry.example.org/chart'],
  ])('%s → %s', (url, expected) => {
    expect(normaliseRepositoryUrl(url)).toBe(expected);
    expect(normaliseRepositoryUrl(expected)).toBe(expected);
  });

  it('is what the id is made of', () => {
    const expected = createHash('sha256').update('https://git.example.org/team/app').digest('hex').slice(0, 16);
    expect(repositoryId('https://git.example.org/team/app.git')).toBe(expected);
    expect(repositoryId('git@git.example.org:team/app.git')).not.toBe(expected);
  });
});

it('finds the same place behind every protocol, user and port', () => {
  const addresses = [
    'https://git.example.org/team/app.git',
    'http://git.example.org:8080/team/app',
    'git@git.example.org:team/app.git',
    'ssh://git@git.example.org:2222/team/app',
    'git://git.example.org/team/app/',
  ];
  expect(new Set(addresses.map(repositoryPlace))).toEqual(new Set(['git.example.org/team/app']));
  expect(repositoryPlace('https://git.example.org/team/other')).not.toBe('git.example.org/team/app');
});

it.each([
  ['https://ada:secret@h/a', 'https://h/a'],
  ['http://token@h/a', 'http://h/a'],
  ['ssh://git:secret@h/a', 'ssh://git@h/a'],
  ['git@h:a', 'git@h:a'],
  ['https://h/a@b', 'https://h/a@b'],
])('takes what is secret out of %s', (url, expected) => {
  expect(withoutUserInfo(url)).toBe(expected);
});

it('takes an address apart', () => {
  expect(parseRepositoryUrl('ssh://git@h.example:2222/team/app.git')).toEqual({
    protocol: 'ssh',
    user: 'git',
    host: 'h.example',
    port: '2222',
    path: '/team/app.git',
  });
  expect(parseRepositoryUrl('git@h.example:team/app')).toEqual({ protocol: 'ssh', user: 'git', host: 'h.example', path: '/team/app' });
});

it.each([
  '',
  '-x',
  '--upload-pack=touch',
  '/etc/passwd',
  'ext::sh -c touch',
  'ext::sh',
  'fd::3',
  'https://',
  'https:///path',
  'https://h',
  'https://h/',
  'https://h/-x',
  'ssh://-oProxyCommand=x/y',
  'ssh://-x@h/y',
  '-x@h:y',
  'h:-x',
  'git@h:',
  'https://h/a b',
  'https://h/a\nb',
  "https://h/a'b",
  'https://h/a"b',
  'https://h/a\\b',
  'https://h/`x`',
  'oci://h/a',
  `https://h/${'a'.repeat(2100)}`,
])('refuses %j', (url) => {
  expect(() => parseRepositoryUrl(url)).toThrow('is not the address of a Git repository');
});
