import { hkdfSync } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { Clock } from '@plumbline/contracts';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { limits } from './limits.ts';

/** On whose behalf a request travels inside the platform. */
export interface Caller {
  /** `admin`, `proj:demo:ci`, an OIDC subject. */
  subject: string;
  groups: readonly string[];
}

export interface CallerTokenOptions {
  /** PLUMBLINE_KEY; the signing key is derived from it. */
  key: Uint8Array;
  /** The service that is asked: a token for one is refused by another. */
  audience: string;
  clock: Clock;
}

const issuer = 'plumbline-api';
const claims = z.object({ sub: z.string().min(1).max(512), groups: z.array(z.string().max(512)).max(1_000) });

const signingKey = (key: Uint8Array): Uint8Array => new Uint8Array(hkdfSync('sha256', key, '', 'plumbline caller token 1', 32));

/** api: says to another service who asks. Good for a minute, for that service only. */
export async function signCallerToken(caller: Caller, { key, audience, clock }: CallerTokenOptions): Promise<string> {
  const now = clock();
  return new SignJWT({ groups: [...caller.groups] })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(issuer)
    .setSubject(caller.subject)
    .setAudience(audience)
    .setIssuedAt(Math.floor(now / 1000))
    .setExpirationTime(Math.ceil((now + limits.callerTokenLifeMs) / 1000))
    .sign(signingKey(key));
}

/** Receiver: who asks. @throws AppError `unauthenticated`: absent, expired, for another service, not signed by api. */
export async function verifyCallerToken(token: string | undefined, { key, audience, clock }: CallerTokenOptions): Promise<Caller> {
  if (token === undefined) throw new AppError('unauthenticated', `${audience} was asked without a caller's token`);
  try {
    const { payload } = await jwtVerify(token, signingKey(key), {
      algorithms: ['HS256'],
      issuer,
      audience,
      currentDate: new Date(clock()),
      clockTolerance: limits.callerTokenSkewMs / 1000,
      requiredClaims: ['exp', 'sub', 'aud'],
    });
    const { sub, groups } = claims.parse(payload);
    return { subject: sub, groups };
  } catch (cause) {
    const reason = cause instanceof errors.JWTExpired ? 'it has expired; ask again' : 'it was not signed by api for this service';
    throw new AppError('unauthenticated', `${audience} refuses the caller's token: ${reason}`, { cause });
  }
}
