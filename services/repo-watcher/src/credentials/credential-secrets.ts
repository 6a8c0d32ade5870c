import type { Logger } from '@plumbline/contracts';
import type { GitCredentials } from '@plumbline/git';
import type { KubeClient, Watch } from '@plumbline/kube';
import { limits } from '../limits.ts';
import { chooseCredentials, type CredentialSecret } from './choose-credentials.ts';

const secretType = 'argocd.argoproj.io/secret-type';

export interface CredentialSecretsOptions {
  kube: KubeClient;
  namespace: string;
  log: Logger;
  /** Some credentials appeared, changed or went; said once for several that come together. */
  changed(): void;
}

type Secret = Parameters<Parameters<KubeClient['watch']>[0]['listener']['upsert']>[0];

/** Repository credentials from the labelled Secrets of the control namespace, followed by a watch, in memory only. */
export class CredentialSecrets {
  readonly #secrets = new Map<string, CredentialSecret>();
  readonly #watch: Watch;
  readonly #changed: () => void;
  #announcement: NodeJS.Timeout | undefined;
  readonly #synced = Promise.withResolvers<void>();

  constructor({ kube, namespace, log, changed }: CredentialSecretsOptions) {
    this.#changed = changed;
    this.#watch = kube.watch({
      group: '',
      version: 'v1',
      kind: 'Secret',
      namespace,
      labelSelector: `${secretType} in (repository,repo-creds)`,
      listener: {
        upsert: (object) => {
          const secret = readSecret(object);
          const { name } = object.metadata;
          if (secret === undefined) this.#secrets.delete(name);
          else if (this.#secrets.has(name) || this.#secrets.size < limits.credentialSecretsMax) this.#secrets.set(name, secret);
          else log.warn('too many repository Secrets; this one is not used', { name, max: limits.credentialSecretsMax });
          this.#announce();
        },
        remove: (object) => {
          this.#secrets.delete(object.metadata.name);
          this.#announce();
        },
        synced: () => this.#synced.resolve(),
        interrupted: (error) => log.warn('repository Secrets can’t be watched for the moment; the known ones stay in use', { error: error.message }),
      },
    });
  }

  find(url: string): GitCredentials | undefined {
    return chooseCredentials(this.#secrets.values(), url);
  }

  #announce(): void {
    this.#announcement ??= setTimeout(() => {
      this.#announcement = undefined;
      this.#changed();
    }, limits.credentialsSettleMs);
  }

  /** Resolves when all Secrets are known, or after the time is up: public repositories can be read without. */
  async ready(timeoutMs: number): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(() => timeout.resolve(), timeoutMs);
    await Promise.race([this.#synced.promise, timeout.promise]);
    clearTimeout(timer);
  }

  stop(): Promise<void> {
    clearTimeout(this.#announcement);
    return this.#watch.stop();
  }
}

/** Keys of the Secret as Argo CD defines them; undefined = not about a Git repository. */
export function readSecret(object: Secret): CredentialSecret | undefined {
  const scope = object.metadata.labels?.[secretType];
  const data = (object['data'] ?? {}) as Record<string, string>;
  const value = (key: string): string | undefined => {
    const encoded = data[key];
    const text = typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : '';
    return text === '' ? undefined : text;
  };
  const url = value('url');
  if ((scope !== 'repository' && scope !== 'repo-creds') || url === undefined || (value('type') ?? 'git') !== 'git') return undefined;
  const [username, password, sshPrivateKey] = [value('username'), value('password'), value('sshPrivateKey')];
  return {
    scope,
    url: url.trim(),
    credentials: {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(sshPrivateKey === undefined ? {} : { sshPrivateKey }),
      ...(value('insecure') === 'true' || value('insecureIgnoreHostKey') === 'true' ? { insecure: true } : {}),
    },
  };
}
