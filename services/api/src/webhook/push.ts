import { AppError } from '@plumbline/contracts';
import { z } from 'zod';
import { limits } from '../limits.ts';

/** What a provider says. A hint, never data: what counts is what the remote answers. */
export type WebhookNews = { kind: 'ping' } | { kind: 'push'; urls: string[]; ref?: string; commit?: string };

export type Provider = 'github' | 'gitlab';
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** Chosen by header, in Argo CD's order. */
export function providerOf(headers: Headers): Provider | undefined {
  const event = headers['x-github-event'];
  if (event !== undefined && event !== 'package') return 'github';
  return headers['x-gitlab-event'] === undefined ? undefined : 'gitlab';
}

const text = z.string().max(limits.webhookUrlCharsMax);
const address = text.nullish();
const commit = z.string().max(64).nullish();

const githubPush = z.object({
  ref: z.string().max(1024).nullish(),
  after: commit,
  repository: z.object({ clone_url: address, html_url: address, ssh_url: address, git_url: address, url: address }),
});

const gitlabPush = z.object({
  ref: z.string().max(1024).nullish(),
  after: commit,
  checkout_sha: commit,
  project: z.object({ web_url: address, git_http_url: address, git_ssh_url: address, http_url: address, ssh_url: address }).nullish(),
  repository: z.object({ homepage: address, git_http_url: address, git_ssh_url: address, url: address }).nullish(),
});

/** @throws AppError `invalid-argument`: an event that isn't known, or a body that isn't what the event should be. */
export function readWebhook(provider: Provider, headers: Headers, body: unknown): WebhookNews {
  return provider === 'github' ? readGithub(headers['x-github-event'], body) : readGitlab(headers['x-gitlab-event'], body);
}

function readGithub(event: unknown, body: unknown): WebhookNews {
  if (event === 'ping') return { kind: 'ping' };
  if (event !== 'push') throw unknownEvent();
  const { ref, after, repository } = read(githubPush, body);
  return push(Object.values(repository), ref, after);
}

function readGitlab(event: unknown, body: unknown): WebhookNews {
  const isSystemPush =
    event === 'System Hook' && typeof body === 'object' && body !== null && /^(tag_)?push$/.test(String((body as { event_name?: unknown }).event_name));
  if (event !== 'Push Hook' && event !== 'Tag Push Hook' && !isSystemPush) throw unknownEvent();
  const { ref, after, checkout_sha, project, repository } = read(gitlabPush, body);
  return push([...Object.values(project ?? {}), ...Object.values(repository ?? {})], ref, after ?? checkout_sha);
}

function push(addresses: readonly (string | null | undefined)[], ref: string | null | undefined, after: string | null | undefined): WebhookNews {
  const urls = [...new Set(addresses.filter((each): each is string => typeof each === 'string' && isAddress(each)))].slice(0, limits.webhookUrlsMax);
  if (urls.length === 0) throw new AppError('invalid-argument', 'the webhook names no repository address');
  // Forty zeros: the branch was deleted.
  const isCommit = after != null && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(after) && !/^0+$/.test(after);
  return { kind: 'push', urls, ...(ref ? { ref } : {}), ...(isCommit ? { commit: after } : {}) };
}

const isAddress = (url: string): boolean => /^(https?|ssh|git|file):\/\/[^\s]+$/i.test(url) || /^[A-Za-z0-9._-]+@[A-Za-z0-9.-]+:[^\s]+$/.test(url);

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, { reportInput: false });
  if (parsed.success) return parsed.data;
  const where = [...new Set(parsed.error.issues.map((issue) => issue.path.join('.') || 'body'))].slice(0, 5).join(', ');
  throw new AppError('invalid-argument', `the webhook's body can't be read: ${where}`);
}

export const unknownEvent = (): AppError => new AppError('invalid-argument', 'Unknown webhook event');
