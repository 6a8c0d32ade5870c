import { expect, it } from 'vitest';
import { lockedEnvironment } from './environment.ts';

/** GIT_CONFIG_KEY_n and GIT_CONFIG_VALUE_n as git reads them. */
function settings(env: Record<string, string>): Record<string, string | undefined> {
  return Object.fromEntries(
    Array.from({ length: Number(env['GIT_CONFIG_COUNT']) }, (_, index) => [env[`GIT_CONFIG_KEY_${index}`], env[`GIT_CONFIG_VALUE_${index}`]]),
  );
}

const url = 'https://git.example.org/app';

it('passes on nothing of this process but the search path', () => {
  process.env['GIT_SSH'] = '/tmp/evil';
  process.env['GIT_EXTERNAL_DIFF'] = '/tmp/evil';
  const env = lockedEnvironment({ dir: '/mirror' });
  delete process.env['GIT_SSH'];
  delete process.env['GIT_EXTERNAL_DIFF'];
  expect(Object.values(env)).not.toContain('/tmp/evil');
  expect(env).toMatchObject({
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_DIR: '/mirror',
    GIT_ALLOW_PROTOCOL: 'http:https:ssh:git',
  });
  expect(settings(env)).toMatchObject({ 'core.hooksPath': '/dev/null', 'core.fsmonitor': 'false', 'credential.helper': '' });
});

it('allows local repositories only when told to', () => {
  expect(lockedEnvironment({ dir: '/mirror', allowFile: true })['GIT_ALLOW_PROTOCOL']).toBe('http:https:ssh:git:file');
});

it('binds the login to the address and follows no redirect with it', () => {
  const read = settings(lockedEnvironment({ dir: '/mirror', url: 'https://someone@git.example.org/app', credentials: { username: 'ada', password: 'p:w' } }));
  expect(read[`http.${url}.extraHeader`]).toBe(`Authorization: Basic ${Buffer.from('ada:p:w').toString('base64')}`);
  expect(read['http.followRedirects']).toBe('false');
  expect(settings(lockedEnvironment({ dir: '/mirror', url }))['http.followRedirects']).toBe('initial');
});

it('checks certificates and host keys unless the credentials say otherwise', () => {
  const strict = lockedEnvironment({ dir: '/mirror', url });
  expect(settings(strict)).not.toHaveProperty('http.sslVerify');
  expect(strict['GIT_SSH_COMMAND']).toContain('StrictHostKeyChecking=yes');
  const loose = lockedEnvironment({ dir: '/mirror', url, credentials: { insecure: true } });
  expect(settings(loose)['http.sslVerify']).toBe('false');
  expect(loose['GIT_SSH_COMMAND']).toContain('StrictHostKeyChecking=no');
});

it('quotes the key file for the shell that git gives the ssh command to', () => {
  const env = lockedEnvironment({ dir: '/mirror', url: 'git@h:a', credentials: { sshPrivateKey: 'KEY' }, sshKeyFile: "/tmp/it's here/key" });
  expect(env['GIT_SSH_COMMAND']).toMatch(/-i '\/tmp\/it'\\''s here\/key'$/);
  expect(JSON.stringify(env)).not.toContain('KEY"');
});
