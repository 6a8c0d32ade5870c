import { createHash } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';

/** The parts of an address of a Git remote. `user` is who logs in over SSH; it is never a password. */
export interface RepositoryAddress {
  protocol: 'http' | 'https' | 'ssh' | 'git' | 'file';
  user?: string;
  host: string;
  port?: string;
  path: string;
}

const scpStyle = /^(?:(?<user>[A-Za-z0-9][A-Za-z0-9._-]*)@)?(?<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?![-:]|\/\/)(?<path>\S+)$/;
const urlStyle =
  /^(?<protocol>https?|ssh|git|file):\/\/(?:(?<userInfo>[^/@]*)@)?(?<host>\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9._-]*)?(?::(?<port>\d{1,5}))?(?<path>\/(?!-)\S+)$/i;
// oxlint-disable-next-line no-control-regex
const suspicious = /[\u0000-\u0020\u007f'"`\\]/;

/**
 * Takes an address apart. Only what is certain to be an address of an allowed protocol passes: no leading dash, no
 * control character or white space, no `ext::`-style transport, so the result can't become an option or a command.
 *
 * @throws AppError `invalid-argument`
 */
export function parseRepositoryUrl(url: string): RepositoryAddress {
  const text = url.trim();
  if (text.length > limits.urlCharsMax || suspicious.test(text)) throw notAnAddress(url);
  const asUrl = urlStyle.exec(text)?.groups;
  if (asUrl !== undefined) {
    const { protocol = '', userInfo, host = '', port, path = '' } = asUrl;
    const address = { protocol: protocol.toLowerCase() as RepositoryAddress['protocol'], host, ...(port === undefined ? {} : { port }), path };
    if ((host === '') !== (address.protocol === 'file') || barePath(path) === '') throw notAnAddress(url);
    const user = address.protocol === 'ssh' ? userInfo?.split(':')[0] : undefined;
    if (user === undefined) return address;
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(user)) throw notAnAddress(url);
    return { ...address, user };
  }
  const asScp = scpStyle.exec(text)?.groups;
  if (asScp === undefined) throw notAnAddress(url);
  const { user, host = '', path = '' } = asScp;
  return { protocol: 'ssh', ...(user === undefined ? {} : { user }), host, path: path.startsWith('/') ? path : `/${path}` };
}

function notAnAddress(url: string): AppError {
  return new AppError(
    'invalid-argument',
    `${JSON.stringify(withoutUserInfo(url).slice(0, 200))} is not the address of a Git repository; use https://, http://, ssh://, git:// or user@host:path`,
  );
}

/** The address that Git is given: as typed, without password, and for anything but SSH without user. */
export function withoutUserInfo(url: string): string {
  return url
    .trim()
    .replace(/^((?:https?|git|file):\/\/)[^/@]*@/i, '$1')
    .replace(/^(ssh:\/\/[^/@:]*):[^/@]*@/i, '$1@');
}

/**
 * One spelling per repository: trimmed, lower case, no user info, no `.git` and no slash at the end, `user@host:path` as
 * `ssh://host/path`. (Argo CD: util/git `NormalizeGitURL`.) An address that can't be parsed is only trimmed and lowered.
 */
export function normaliseRepositoryUrl(url: string): string {
  let address: RepositoryAddress;
  try {
    address = parseRepositoryUrl(url);
  } catch {
    return withoutUserInfo(url).toLowerCase();
  }
  const standardPort = { http: '80', https: '443', ssh: '22', git: '9418', file: '' }[address.protocol];
  const port = address.port === undefined || address.port === standardPort ? '' : `:${address.port}`;
  return `${address.protocol}://${address.host}${port}${barePath(address.path)}`.toLowerCase();
}

/** First 16 hex digits of SHA-256 of the normalised address: the repository's name in streams, queues and scopes. */
export function repositoryId(url: string): string {
  return createHash('sha256').update(normaliseRepositoryUrl(url)).digest('hex').slice(0, 16);
}

/**
 * Host and path, whatever the protocol, user and port: a webhook names the same repository by web, clone and SSH
 * addresses. (Argo CD compares the same way.)
 */
export function repositoryPlace(url: string): string {
  try {
    const address = parseRepositoryUrl(url);
    return `${address.host}${barePath(address.path)}`.toLowerCase();
  } catch {
    return normaliseRepositoryUrl(url);
  }
}

const barePath = (path: string): string =>
  path
    .replace(/\/{2,}/g, '/')
    .replace(/\/+$/, '')
    .replace(/\.git$/i, '');
