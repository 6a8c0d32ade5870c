import { pino } from 'pino';
import type { DestinationStream, Logger as Pino } from 'pino';
import type { LoggerService } from '@nestjs/common';
import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import { limits } from './limits.ts';

export interface LoggingOptions {
  service: string;
  instance: string;
  level: string;
}

/** JSON lines on standard output; a test passes a destination of its own. */
export function makeLogger(options: LoggingOptions, destination?: DestinationStream): Logger {
  const root = pino(
    {
      level: options.level,
      base: { service: options.service, instance: options.instance },
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
  return portOf(root);
}

function portOf(log: Pino): Logger {
  return {
    debug: (message, fields) => log.debug(redact(fields), message),
    info: (message, fields) => log.info(redact(fields), message),
    warn: (message, fields) => log.warn(redact(fields), message),
    error: (message, fields) => log.error(redact(fields), message),
    child: (fields) => portOf(log.child(redact(fields) ?? {})),
  };
}

const secretName = /pass(word|wd|phrase)?$|secret|token|authorization|credential|cookie|(^|[^a-z])key$|(private|api|sealing|access|ssh)_?key/i;
/** Bounded on both sides: it runs over every string that is logged. */
const userInfo = /:\/\/[^\s/@]{1,1024}@/g;

/** Names of fields that never hold a secret although they sound like it. */
const harmless = new Set(['key', 'resourceKey', 'jobKey', 'tokenId']);

/**
 * Drops what is called like a secret, at any depth, and user info in URLs. A last net: whoever logs keeps secrets out.
 * `key` alone is a job's or resource's key here; a cryptographic one is a Buffer, and bytes are never logged.
 */
export function redact(fields: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> | undefined {
  return fields === undefined ? undefined : (clean(fields, 0) as Record<string, unknown>);
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= limits.logDepthMax) return '[deeper]';
  if (value instanceof Error) return cleanError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.slice(0, limits.logItemsMax).map((item) => clean(item, depth + 1));
  const out: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value).slice(0, limits.logItemsMax)) {
    out[name] = !harmless.has(name) && secretName.test(name) && member !== undefined ? '[redacted]' : clean(member, depth + 1);
  }
  return out;
}

/** Name, message, stack, code and cause; never the other properties: drivers keep queries and parameters there. */
function cleanError(error: Error, depth: number): Record<string, unknown> {
  const code = (error as { code?: unknown }).code;
  return {
    name: error.name,
    message: clean(error.message, depth),
    ...(typeof code === 'string' ? { code } : {}),
    ...(AppError.is(error) ? { details: clean(error.details, depth + 1) } : { stack: clean(error.stack ?? '', depth) }),
    ...(error.cause === undefined ? {} : { cause: clean(error.cause, depth + 1) }),
  };
}

function cleanText(text: string): string {
  // Cut well behind what is shown, so that no half of a user info is left over at the end.
  const shown = text.slice(0, 2 * limits.logTextLengthMax).replace(userInfo, '://[redacted]@');
  return shown.length > limits.logTextLengthMax ? `${shown.slice(0, limits.logTextLengthMax)} … (${text.length} characters)` : shown;
}

/** Nest's own words, which matter at start only, go to debug; its warnings and errors stay what they are. */
export function nestLogger(log: Logger): LoggerService {
  const say =
    (level: 'debug' | 'warn' | 'error') =>
    (message: unknown, ...more: unknown[]): void => {
      const context = more.findLast((one) => typeof one === 'string');
      const fields = { ...(context === undefined ? {} : { context }), ...(message instanceof Error ? { error: message } : {}) };
      log[level](message instanceof Error ? message.message : String(message), fields);
    };
  return { log: say('debug'), debug: say('debug'), verbose: say('debug'), warn: say('warn'), error: say('error'), fatal: say('error') };
}
