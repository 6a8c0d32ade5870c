import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import { rightsOf, subjectOf } from '@plumbline/policy';
import type { Rights } from '@plumbline/policy';
import { jwtVerify } from 'jose';
import { limits } from '../limits.ts';
import type { AccessModel } from './access-model.ts';
import type { ControlSettings } from './control-settings.ts';

/** Who calls, and what they may do: made once per request. */
export interface Caller {
  subject: string;
  groups: readonly string[];
  rights: Rights;
  token: string;
}

export interface AuthenticationParts {
  settings: ControlSettings;
  access: AccessModel;
  clock: Clock;
}

/**
 * Says for whom a token speaks. The algorithm is fixed, the key is `server.secretkey` as it now is, and every check is
 * made at each call: a revoked token, a changed password or a disabled account counts at once.
 *
 * @throws AppError `unauthenticated`, with the same sentence whatever is wrong; `unavailable` before the key is known.
 */
export async function authenticate(token: string | undefined, { settings, access, clock }: AuthenticationParts): Promise<Caller> {
  if (token === undefined) throw new AppError('unauthenticated', 'no session information');
  const key = settings.secret()['server.secretkey'] ?? '';
  if (!settings.isKnown() || key === '') throw new AppError('unavailable', 'accounts are not known yet; try again in a moment', { retry: 'later' });
  if (token.length > limits.tokenCharsMax) throw invalidSession();
  const now = clock();
  const { payload } = await jwtVerify(token, new TextEncoder().encode(key), {
    algorithms: ['HS256'],
    issuer: 'argocd',
    currentDate: new Date(now),
    clockTolerance: limits.clockSkewSeconds,
    requiredClaims: ['sub', 'iat'],
  }).catch((cause: unknown) => {
    throw invalidSession(cause);
  });
  const { sub = '', iat = 0 } = payload;
  const isProjectToken = sub.startsWith('proj:');
  // A session ends; only keys, which are listed where they were made, may have no end.
  if (payload.exp === undefined && !isProjectToken && !sub.endsWith(':apiKey')) throw invalidSession();
  const claims = { subject: sub, tokenId: payload.jti ?? (isProjectToken ? String(iat) : ''), issuedAt: iat };
  const register = {
    accounts: settings.accounts(),
    isRevoked: access.isRevoked,
    projectTokens: (project: string, role: string) => projectTokens(access, project, role),
  };
  const subject = subjectOf(claims, register, Math.floor(now / 1000));
  if (subject === undefined) throw invalidSession();
  const groups: string[] = [];
  return { subject, groups, rights: rightsOf(access.policy(), { subject, groups }), token };
}

const invalidSession = (cause?: unknown): AppError => new AppError('unauthenticated', 'invalid session: log in again', { cause });

function projectTokens(access: AccessModel, project: string, role: string): string[] {
  const declared = access.project(project)?.spec.roles?.find((each) => each.name === role) as { jwtTokens?: { id?: unknown; iat?: unknown }[] } | undefined;
  return (declared?.jwtTokens ?? []).map((token) => (typeof token.id === 'string' && token.id !== '' ? token.id : String(token.iat)));
}

/**
 * The token of a request: the Bearer header, or the cookie `argocd.token` (in parts `argocd.token`, `argocd.token-1` …
 * as Argo CD splits it: the first begins with the number of parts and a colon). Two that differ are none.
 */
export function tokenOf(headers: { authorization?: string | undefined; cookie?: string | undefined }): string | undefined {
  const bearer = headers.authorization === undefined ? undefined : /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(headers.authorization.trim())?.[1];
  if (headers.authorization !== undefined && bearer === undefined) return undefined;
  const cookie = cookieToken(headers.cookie ?? '');
  if (bearer !== undefined && cookie !== undefined && bearer !== cookie) return undefined;
  return bearer ?? cookie;
}

function cookieToken(header: string): string | undefined {
  const cookies = new Map<string, string>();
  for (const part of header.split(';')) {
    const equals = part.indexOf('=');
    if (equals > 0) cookies.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const first = cookies.get('argocd.token');
  if (first === undefined || first === '') return undefined;
  const parts = /^(\d{1,2}):(.*)$/.exec(first);
  if (parts === null) return first;
  const rest = Array.from({ length: Number(parts[1]) - 1 }, (_, index) => cookies.get(`argocd.token-${index + 1}`) ?? '');
  return [parts[2], ...rest].join('');
}
