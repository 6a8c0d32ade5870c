import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../limits.ts';
import { providerOf, readWebhook } from './push.ts';
import { makeRateLimit } from './rate-limit.ts';
import { isAuthentic } from './signature.ts';

const githubPush = {
  ref: 'refs/heads/main',
  after: 'a'.repeat(40),
  repository: {
    clone_url: 'https://github.com/org/repo.git',
    html_url: 'https://github.com/org/repo',
    ssh_url: 'git@github.com:org/repo.git',
    url: 'https://github.com/org/repo',
  },
};
const gitlabPush = {
  object_kind: 'push',
  ref: 'refs/heads/main',
  checkout_sha: 'b'.repeat(40),
  project: { web_url: 'https://gitlab.com/org/repo', git_http_url: 'https://gitlab.com/org/repo.git', git_ssh_url: 'git@gitlab.com:org/repo.git' },
};

describe('a webhook', () => {
  it('of GitHub names every address of the repository once, the ref and the commit', () => {
    expect(readWebhook('github', { 'x-github-event': 'push' }, githubPush)).toEqual({
      kind: 'push',
      urls: ['https://github.com/org/repo.git', 'https://github.com/org/repo', 'git@github.com:org/repo.git'],
      ref: 'refs/heads/main',
      commit: 'a'.repeat(40),
    });
  });

  it.each(['Push Hook', 'Tag Push Hook'])('of GitLab, %s, does too', (event) => {
    expect(readWebhook('gitlab', { 'x-gitlab-event': event }, gitlabPush)).toMatchObject({
      kind: 'push',
      urls: [gitlabPush.project.web_url, gitlabPush.project.git_http_url, gitlabPush.project.git_ssh_url],
      commit: 'b'.repeat(40),
    });
  });

  it('of a GitLab system hook counts when it is a push', () => {
    expect(readWebhook('gitlab', { 'x-gitlab-event': 'System Hook' }, { ...gitlabPush, event_name: 'push' }).kind).toBe('push');
    expect(() => readWebhook('gitlab', { 'x-gitlab-event': 'System Hook' }, { event_name: 'user_create' })).toThrow('Unknown webhook event');
  });

  it('that tells of a deleted branch has no commit', () => {
    expect(readWebhook('github', { 'x-github-event': 'push' }, { ...githubPush, after: '0'.repeat(40) })).not.toHaveProperty('commit');
  });

  it('needs no more than one address', () => {
    const body = { ref: 'refs/heads/main', repository: { html_url: 'https://github.com/org/repo' } };
    expect(readWebhook('github', { 'x-github-event': 'push' }, body)).toEqual({ kind: 'push', urls: ['https://github.com/org/repo'], ref: 'refs/heads/main' });
  });

  it.each([
    ['github', { 'x-github-event': 'issues' }],
    ['github', { 'x-github-event': ['push', 'push'] }],
    ['gitlab', { 'x-gitlab-event': 'Note Hook' }],
  ] as const)('of %s with %j is unknown', (provider, headers) => {
    expect(() => readWebhook(provider, headers as never, githubPush)).toThrow('Unknown webhook event');
  });

  it.each([
    null,
    undefined,
    [],
    'text',
    7,
    {},
    { repository: null },
    { repository: [] },
    { repository: {} },
    { repository: { clone_url: 7 } },
    { repository: { clone_url: 'javascript:alert(1)' } },
    { repository: { clone_url: '--upload-pack=x' } },
  ])('that is %j is refused, not a crash', (body) => {
    expect(() => readWebhook('github', { 'x-github-event': 'push' }, body)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => readWebhook('gitlab', { 'x-gitlab-event': 'Push Hook' }, body)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it('is read or refused, whatever is sent', () => {
    const leaf = fc.oneof(fc.string(), fc.integer(), fc.constant(null), fc.boolean(), fc.webUrl(), fc.constant('0'.repeat(40)));
    const body = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('ref', 'after', 'repository', 'project', 'clone_url', 'web_url', 'checkout_sha', '__proto__'), tie('value'), {
          maxKeys: 4,
        }),
      ),
    })).value;
    fc.assert(
      fc.property(body, fc.constantFrom('github' as const, 'gitlab' as const), (sent, provider) => {
        try {
          const news = readWebhook(provider, { 'x-github-event': 'push', 'x-gitlab-event': 'Push Hook' }, sent);
          expect(news.kind === 'push' && news.urls.length >= 1 && news.urls.length <= limits.webhookUrlsMax).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-argument' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is of the provider that its header names', () => {
    expect(providerOf({ 'x-github-event': 'push', 'x-gitlab-event': 'x' })).toBe('github');
    expect(providerOf({ 'x-gitlab-event': 'Push Hook' })).toBe('gitlab');
    expect(providerOf({ 'x-github-event': 'package' })).toBeUndefined();
    expect(providerOf({})).toBeUndefined();
  });
});

describe('a signature', () => {
  const body = Buffer.from(JSON.stringify(githubPush));
  const signed = `sha256=${createHmac('sha256', 'secret').update(body).digest('hex')}`;

  it('of GitHub is over the bytes of the body', () => {
    expect(isAuthentic('github', { 'x-hub-signature-256': signed }, body, 'secret')).toBe(true);
    expect(isAuthentic('github', { 'x-hub-signature-256': signed }, Buffer.concat([body, Buffer.from(' ')]), 'secret')).toBe(false);
    expect(isAuthentic('github', { 'x-hub-signature-256': signed }, body, 'other')).toBe(false);
    expect(isAuthentic('github', {}, body, 'secret')).toBe(false);
    expect(isAuthentic('github', { 'x-hub-signature-256': [signed, signed] }, body, 'secret')).toBe(false);
    expect(isAuthentic('github', { 'x-hub-signature-256': signed.slice(0, -1) }, body, 'secret')).toBe(false);
  });

  it('of GitLab is the secret', () => {
    expect(isAuthentic('gitlab', { 'x-gitlab-token': 'secret' }, body, 'secret')).toBe(true);
    expect(isAuthentic('gitlab', { 'x-gitlab-token': 'secre' }, body, 'secret')).toBe(false);
    expect(isAuthentic('gitlab', {}, body, 'secret')).toBe(false);
  });
});

describe('the rate limit', () => {
  it('counts per source and minute', () => {
    const rate = makeRateLimit();
    expect([0, 1, 2].map((at) => rate.isWithin('a', 2, at))).toEqual([true, true, false]);
    expect(rate.isWithin('b', 2, 3)).toBe(true);
    expect(rate.isWithin('a', 2, 60_000)).toBe(true);
  });

  it('is not escaped by many addresses', () => {
    const rate = makeRateLimit();
    for (let i = 0; i < limits.webhookSourcesMax; i++) rate.isWithin(`s${i}`, 1, 0);
    expect(['x', 'y', 'z'].map((source) => rate.isWithin(source, 2, 0))).toEqual([true, true, false]);
    expect(rate.isWithin('s0', 1, 0)).toBe(false);
  });
});
