import { AppError } from '@plumbline/contracts';
import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { signCallerToken, verifyCallerToken } from './caller-token.ts';

const key = randomBytes(32);
let now = Date.parse('2026-01-01T00:00:00Z');
const options = { key, audience: 'syncer', clock: () => now };
const ada = { subject: 'ada', groups: ['dev', 'ops'] };

async function refused(token: string | undefined, changed: Partial<typeof options> = {}): Promise<AppError> {
  return verifyCallerToken(token, { ...options, ...changed }).then(
    () => expect.fail('should have been refused'),
    (error: unknown) => AppError.from(error),
  );
}

describe("a caller's token", () => {
  it('says who asks', async () => {
    expect(await verifyCallerToken(await signCallerToken(ada, options), options)).toEqual(ada);
    expect(await verifyCallerToken(await signCallerToken({ subject: 'admin', groups: [] }, options), options)).toEqual({ subject: 'admin', groups: [] });
  });

  it('lives for a minute', async () => {
    const token = await signCallerToken(ada, options);
    now += 59_000;
    expect(await verifyCallerToken(token, options)).toEqual(ada);
    now += 10_000;
    expect(await refused(token)).toMatchObject({ code: 'unauthenticated', message: expect.stringContaining('expired') as string });
  });

  it('is refused without, by another service, under another key, changed, and with another algorithm', async () => {
    const token = await signCallerToken(ada, options);
    const [head, body, signature] = token.split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object), sub: 'admin' })).toString('base64url');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const rootSigned = await new SignJWT({ groups: [] })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('plumbline-api')
      .setSubject('admin')
      .setAudience('syncer')
      .setExpirationTime(Math.floor(now / 1000) + 60)
      .sign(key);
    expect(await refused(undefined)).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(token, { audience: 'rbac' })).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(token, { key: randomBytes(32) })).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(`${head}.${forged}.${signature}`)).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(unsigned)).toMatchObject({ code: 'unauthenticated' });
    expect(await refused(rootSigned)).toMatchObject({ code: 'unauthenticated' });
  });
});
