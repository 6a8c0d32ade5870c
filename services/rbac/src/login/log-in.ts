import { AppError } from '@plumbline/contracts';
import type { Clock, Logger, ReplyOf, RequestOf, logIn, logOut } from '@plumbline/contracts';
import type { EventLog } from '@plumbline/event-log';
import type { ServiceContext } from '@plumbline/platform';
import { jwtVerify, SignJWT } from 'jose';
import { mayLogIn, readDurationSeconds, sessionClaims } from '../domain/session.ts';
import { limits } from '../limits.ts';
import type { ControlSettings } from '../settings/control-settings.ts';
import type { Attempts } from './attempts.ts';
import type { PasswordChecks } from './password-checks.ts';

export interface SessionsParts {
  settings: ControlSettings;
  attempts: Attempts;
  passwords: PasswordChecks;
  eventLog: EventLog;
  event: ServiceContext['event'];
  clock: Clock;
  log: Logger;
  newTokenId: () => string;
}

export interface Sessions {
  logIn(request: RequestOf<typeof logIn>): Promise<ReplyOf<typeof logIn>>;
  logOut(request: RequestOf<typeof logOut>): Promise<ReplyOf<typeof logOut>>;
}

const accountStream = (account: string): string => `account-${account}`;

/** Password in, session token out, in Argo CD's shape: HS256 with `server.secretkey`. Whatever is wrong, the answer is the same. */
export function makeSessions(parts: SessionsParts): Sessions {
  const { settings, attempts, passwords, eventLog, event, clock, log } = parts;

  const refuse = async (source: string): Promise<never> => {
    await attempts.refused(source);
    throw new AppError('unauthenticated', 'Invalid username or password');
  };

  return {
    logIn: async ({ username, password, from }) => {
      const key = signingKey(settings);
      const account = username.length <= limits.usernameCharsMax ? settings.accounts().get(username) : undefined;
      const attempt = { account: account?.name, source: from };
      if (!(await attempts.begin(attempt))) {
        log.warn('log-in refused: too many failures', { source: from });
        // As slow as any other refusal: a quick one would tell that the account exists and is locked.
        await passwords.matches(password, undefined);
        return refuse(from);
      }
      const isRight = await passwords.matches(password, mayLogIn(account) ? account.passwordHash : undefined);
      if (!isRight || account === undefined) return refuse(from);
      await attempts.succeeded(attempt);

      const claims = sessionClaims(account.name, parts.newTokenId(), Math.floor(clock() / 1000), sessionSeconds(settings));
      const issued = { subject: account.name, tokenId: claims.jti, expiresAt: new Date(claims.exp * 1000).toISOString() };
      await eventLog.append([{ stream: accountStream(account.name), events: [event('TokenIssued', issued, { cause: claims.jti, actor: account.name })] }]);
      return { token: await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key) };
    },

    logOut: async ({ token }) => {
      const { payload } = await jwtVerify(token, signingKey(settings), { algorithms: ['HS256'], issuer: 'argocd', currentDate: new Date(clock()) }).catch(
        (cause: unknown) => {
          throw new AppError('unauthenticated', 'this token is not valid, so there is no session to end', { cause });
        },
      );
      const tokenId = payload.jti ?? '';
      const subject = payload.sub?.split(':')[0] ?? '';
      if (tokenId === '' || subject === '')
        throw new AppError('failed-precondition', 'this token has no id; it ends when it expires or when its account is changed');
      await eventLog.append([{ stream: accountStream(subject), events: [event('TokenRevoked', { subject, tokenId }, { cause: tokenId, actor: subject })] }]);
      return { tokenId };
    },
  };
}

function signingKey(settings: ControlSettings): Uint8Array {
  const key = settings.secret()['server.secretkey'] ?? '';
  if (!settings.isKnown() || key === '')
    throw new AppError('unavailable', 'the accounts are not known yet (Secret argocd-secret); try again in a moment', { retry: 'later' });
  return new TextEncoder().encode(key);
}

function sessionSeconds(settings: ControlSettings): number {
  const wanted = readDurationSeconds(settings.settings()['users.session.duration'] ?? '') ?? limits.sessionSecondsDefault;
  return Math.min(wanted, limits.sessionSecondsMax);
}
