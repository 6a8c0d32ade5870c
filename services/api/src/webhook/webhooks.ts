import { AppError, refreshRepository } from '@plumbline/contracts';
import type { Clock, Logger, Metrics } from '@plumbline/contracts';
import type { Bus } from '@plumbline/bus';
import type { SqlExecutor } from '@plumbline/event-log';
import type { ControlSettings } from '../access/control-settings.ts';
import { limits } from '../limits.ts';
import { providerOf, readWebhook, unknownEvent } from './push.ts';
import { makeRateLimit } from './rate-limit.ts';
import { isAuthentic, secretKeys } from './signature.ts';

export interface WebhookRequest {
  headers: Readonly<Record<string, string | string[] | undefined>>;
  rawBody: Uint8Array;
  body: unknown;
  source: string;
}

export interface WebhooksParts {
  settings: ControlSettings;
  bus: Bus;
  database: SqlExecutor;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
}

type Refusal = 'unknown-event' | 'signature' | 'rate' | 'malformed';

/**
 * Takes a provider's webhook and passes it on as a hint. Nobody is logged in here: the source is limited, the signature
 * checked where argocd-secret has a secret for the provider (without one everybody may send hints, as with Argo CD),
 * nothing is recorded in the log, and what is refused is counted in a bounded table.
 */
export function makeWebhooks({ settings, bus, database, clock, log, metrics }: WebhooksParts): (request: WebhookRequest) => Promise<void> {
  const rate = makeRateLimit();

  const refuse = async (source: string, reason: Refusal, error: AppError): Promise<never> => {
    metrics.count('webhooks_refused_total', { reason });
    await countRefusal(database, source, reason, clock()).catch((cause: unknown) =>
      log.warn('a refused webhook could not be counted', { error: AppError.from(cause).message }),
    );
    throw error;
  };

  return async ({ headers, rawBody, body, source }) => {
    const provider = providerOf(headers);
    if (provider === undefined) return refuse(source, 'unknown-event', unknownEvent());
    // Without the Secret nobody knows whether a signature is asked for; then none is accepted unsigned.
    if (!settings.isKnown()) throw new AppError('unavailable', 'webhook secrets are not known yet; send it again in a moment', { retry: 'later' });
    const secret = settings.secret()[secretKeys[provider]] ?? '';
    if (!rate.isWithin(source, secret === '' ? limits.webhooksUnsignedPerMinute : limits.webhooksSignedPerMinute, clock())) {
      return refuse(
        source,
        'rate',
        new AppError('resource-exhausted', 'too many webhooks from this address; polling finds what this one would have told', { retry: 'later' }),
      );
    }
    if (secret !== '' && !isAuthentic(provider, headers, rawBody, secret)) {
      return refuse(
        source,
        'signature',
        new AppError('unauthenticated', `webhook signature is missing or wrong; it must be made with ${secretKeys[provider]} of argocd-secret`),
      );
    }
    let news: ReturnType<typeof readWebhook>;
    try {
      news = readWebhook(provider, headers, body);
    } catch (error) {
      const reason = AppError.is(error) && error.message === unknownEvent().message ? 'unknown-event' : 'malformed';
      return refuse(source, reason, AppError.from(error));
    }
    if (news.kind === 'ping') return;
    const { kind: _, ...hint } = news;
    const { repositories } = await bus.call(refreshRepository, hint);
    metrics.count('webhooks_total', { provider });
    log.info('webhook accepted', { provider, repositories, ref: hint.ref });
  };
}

async function countRefusal(database: SqlExecutor, source: string, reason: Refusal, nowMs: number): Promise<void> {
  const minute = new Date(Math.floor(nowMs / 60_000) * 60_000).toISOString();
  await database.query(
    `insert into refused_webhook as r (source, reason, minute, attempts)
     select $1, $2, $3::timestamptz, 1
      where exists (select 1 from refused_webhook where source = $1 and reason = $2 and minute = $3::timestamptz)
         or (select count(*) from refused_webhook) < $4
     on conflict (source, reason, minute) do update set attempts = r.attempts + 1`,
    [source.slice(0, 64), reason, minute, limits.refusedWebhookRowsMax],
  );
  await database.query(`delete from refused_webhook where minute < $1::timestamptz - interval '7 days'`, [minute]);
}
