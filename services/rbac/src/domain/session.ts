import type { Account } from '@plumbline/policy';

/** Claims of a session token, as Argo CD writes them. Seconds since the epoch. */
export interface SessionClaims {
  iss: 'argocd';
  sub: string;
  iat: number;
  nbf: number;
  exp: number;
  jti: string;
}

export function sessionClaims(account: string, tokenId: string, nowSeconds: number, lifetimeSeconds: number): SessionClaims {
  return { iss: 'argocd', sub: `${account}:login`, iat: nowSeconds, nbf: nowSeconds, exp: nowSeconds + lifetimeSeconds, jti: tokenId };
}

/** May this account log in with a password at all? */
export const mayLogIn = (account: Account | undefined): account is Account & { passwordHash: string } =>
  account !== undefined && account.isEnabled && account.canLogIn && account.passwordHash !== undefined;

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1 };

/** `users.session.duration` of argocd-cm, a Go duration (`24h`, `1h30m`); undefined when it can't be read. */
export function readDurationSeconds(text: string): number | undefined {
  if (!/^(\d+[hms])+$/.test(text.trim())) return undefined;
  const total = [...text.matchAll(/(\d+)([hms])/g)].reduce((sum, [, count, unit = 's']) => sum + Number(count) * (unitSeconds[unit] ?? 0), 0);
  return Number.isSafeInteger(total) && total > 0 ? total : undefined;
}
