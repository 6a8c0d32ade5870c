import { AppError } from '@plumbline/contracts';
import { withoutUserInfo } from './repository-url.ts';

const refIsMissing = /couldn't find remote ref|not our ref|unadvertised object|no such remote ref/i;
/** Said about our own mirror, not about the remote. */
const mirrorIsDamaged =
  /is corrupt|bad object|unable to (?:read|parse|unpack) |not a git repository|missing (?:tree|blob|commit)|bad shallow|No space left|Read-only file system|cannot lock ref|Unable to create '.*\.lock'/;
/** What git adds below the reason when a connection ends. */
const boilerplate =
  /^(?:Please make sure you have the correct access rights|and the repository exists\.|fatal: Could not read from remote repository\.|fatal: the remote end hung up unexpectedly|fatal: expected flush after ref listing)$/;

/**
 * What git said when a remote didn't do what was asked, as an AppError: `revision-not-found` when the remote is there
 * but has no such ref or object, else `repository-unreachable`, which is worth another try.
 */
export function remoteError(url: string, stderr: string): AppError {
  const line = reasonOf(stderr);
  const address = withoutUserInfo(url);
  if (refIsMissing.test(stderr)) return new AppError('revision-not-found', `${address} has no such revision: ${line}`, { details: { url: address } });
  if (mirrorIsDamaged.test(stderr))
    return new AppError('internal', `the mirror of ${address} can't be written: ${line}`, { retry: 'later', details: { url: address } });
  const hint = /could not read (?:Username|Password)|Authentication failed|Permission denied|\b401\b|\b403\b/i.test(stderr)
    ? '; check the credentials in the Secret labelled argocd.argoproj.io/secret-type=repository'
    : '';
  return new AppError('repository-unreachable', `${address} can't be read: ${line}${hint}`, { retry: 'later', details: { url: address } });
}

/** Git's own last line that says something, without `fatal:` and without user info in any address. */
export function reasonOf(stderr: string): string {
  const lines = stderr
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const telling = lines.filter((line) => !boilerplate.test(line));
  const line = telling.at(-1) ?? lines.at(-1) ?? 'git gave no reason';
  return line
    .replace(/^(?:fatal|error): /, '')
    .replace(/([a-z]+:\/\/)[^/@\s']*@/gi, '$1')
    .slice(0, 500);
}
