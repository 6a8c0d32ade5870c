/** A local account: `admin`, or one that the ConfigMap argocd-cm declares (`accounts.<name>: login, apiKey`). */
export interface Account {
  name: string;
  isEnabled: boolean;
  canLogIn: boolean;
  /** bcrypt. */
  passwordHash?: string;
  /** Tokens issued before this second are void. Seconds since the epoch. */
  passwordChangedAt?: number;
  /** Ids of the API keys that were given out and not taken back. */
  apiKeys: readonly { id: string; expiresAt?: number }[];
}

type Data = Readonly<Record<string, string | undefined>>;

/** Accounts by name from the data of the ConfigMap argocd-cm and of the Secret argocd-secret (decoded). */
export function readAccounts(settings: Data, secret: Data): Map<string, Account> {
  const accounts = new Map<string, Account>();
  const add = (name: string, prefix: string, isEnabled: boolean, capabilities: readonly string[]): void => {
    const hash = secret[`${prefix}.password`]?.trim();
    const changedAt = Date.parse(secret[`${prefix}.passwordMtime`] ?? '');
    accounts.set(name, {
      name,
      isEnabled,
      canLogIn: capabilities.includes('login'),
      ...(hash === undefined || hash === '' ? {} : { passwordHash: hash }),
      ...(Number.isNaN(changedAt) ? {} : { passwordChangedAt: Math.floor(changedAt / 1000) }),
      apiKeys: capabilities.includes('apiKey') ? readApiKeys(secret[`${prefix}.tokens`] ?? '') : [],
    });
  };
  for (const [key, value] of Object.entries(settings)) {
    const name = /^accounts\.([^.]+)$/.exec(key)?.[1];
    if (name === undefined || name === 'admin') continue;
    const capabilities = (value ?? '').split(',').map((each) => each.trim());
    add(name, `accounts.${name}`, settings[`accounts.${name}.enabled`] !== 'false', capabilities);
  }
  const adminCapabilities = ['login', ...(settings['accounts.admin'] ?? '').split(',').map((each) => each.trim())];
  add('admin', 'admin', settings['admin.enabled'] !== 'false', adminCapabilities);
  return accounts;
}

function readApiKeys(text: string): { id: string; expiresAt?: number }[] {
  const tokens = parseList(text);
  return tokens.flatMap((token) => {
    if (typeof token !== 'object' || token === null || !('id' in token) || typeof token.id !== 'string') return [];
    const expires = 'exp' in token && typeof token.exp === 'number' && token.exp > 0 ? { expiresAt: token.exp } : {};
    return [{ id: token.id, ...expires }];
  });
}

function parseList(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

/** What a token whose signature, issuer and times were checked says about itself. */
export interface TokenClaims {
  subject: string;
  tokenId: string;
  /** Seconds since the epoch. */
  issuedAt: number;
}

/** What decides whether a token still counts. */
export interface TokenRegister {
  accounts: ReadonlyMap<string, Account>;
  isRevoked(tokenId: string): boolean;
  /** Ids of the tokens given out for a role of a project. */
  projectTokens(project: string, role: string): readonly string[];
}

/**
 * The subject that a token speaks for; undefined when it is void: revoked, its account gone or disabled, its password
 * changed since, its id not (or no longer) listed. Subjects as Argo CD writes them: `admin:login`, `ci:apiKey`,
 * `proj:team:ci`; without a capability it is a login.
 */
export function subjectOf(claims: TokenClaims, register: TokenRegister, nowSeconds: number): string | undefined {
  const { subject, tokenId, issuedAt } = claims;
  if (tokenId === '' || register.isRevoked(tokenId)) return undefined;
  if (subject.startsWith('proj:')) {
    const [, project = '', role = '', ...more] = subject.split(':');
    return more.length === 0 && register.projectTokens(project, role).includes(tokenId) ? subject : undefined;
  }
  const [name = '', capability = 'login', ...more] = subject.split(':');
  const account = register.accounts.get(name);
  if (account === undefined || !account.isEnabled || more.length > 0) return undefined;
  if (account.passwordChangedAt !== undefined && issuedAt < account.passwordChangedAt) return undefined;
  if (capability === 'login') return account.canLogIn ? name : undefined;
  const key = capability === 'apiKey' ? account.apiKeys.find((each) => each.id === tokenId) : undefined;
  return key !== undefined && (key.expiresAt === undefined || key.expiresAt > nowSeconds) ? name : undefined;
}
