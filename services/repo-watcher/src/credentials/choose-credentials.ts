import { normaliseRepositoryUrl, type GitCredentials } from '@plumbline/git';

/** What a labelled Secret says about reaching a repository, or all repositories below an address. */
export interface CredentialSecret {
  scope: 'repository' | 'repo-creds';
  url: string;
  credentials: GitCredentials;
}

/**
 * Credentials for a repository: those of its own Secret, else those of the longest address that it lies below. `insecure`
 * of its own Secret holds in either case. (Argo CD: util/db repository and repo-creds Secrets.)
 *
 * Unlike there, "below" ends at a path segment: credentials for `https://git.example` don't go to `https://git.example.net`.
 */
export function chooseCredentials(secrets: Iterable<CredentialSecret>, url: string): GitCredentials | undefined {
  const wanted = normaliseRepositoryUrl(url);
  let own: CredentialSecret | undefined;
  let template: { length: number; secret: CredentialSecret } | undefined;
  for (const secret of secrets) {
    const address = normaliseRepositoryUrl(secret.url);
    if (secret.scope === 'repository') {
      if (address === wanted) own = secret;
    } else if (isBelow(wanted, address) && address.length > (template?.length ?? 0)) {
      template = { length: address.length, secret };
    }
  }
  if (own !== undefined && canLogIn(own.credentials)) return own.credentials;
  if (template === undefined) return own?.credentials;
  return own?.credentials.insecure === true ? { ...template.secret.credentials, insecure: true } : template.secret.credentials;
}

const canLogIn = ({ username, password, sshPrivateKey }: GitCredentials): boolean =>
  username !== undefined || password !== undefined || sshPrivateKey !== undefined;

const isBelow = (url: string, address: string): boolean => url === address || url.startsWith(address.endsWith('/') ? address : `${address}/`);
