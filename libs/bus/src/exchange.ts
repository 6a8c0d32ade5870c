import { AppError, errorCodes } from '@plumbline/contracts';
import type { AppErrorJson, Logger, ReplyOf, RequestContract, RequestOf } from '@plumbline/contracts';
import type { RequestContext } from './port.ts';
import { limits } from './limits.ts';

/** What a responder sends back. */
type Envelope = { ok: unknown } | { error: AppErrorJson };

export type Handle<C extends RequestContract> = (request: RequestOf<C>, context: RequestContext) => Promise<ReplyOf<C>>;

export const verbOf = (contract: RequestContract): string => `${contract.service}.${contract.verb}`;

/** @throws AppError `too-large` before anything is sent. */
export function encodeRequest<C extends RequestContract>(contract: C, request: RequestOf<C>): Buffer {
  const bytes = Buffer.from(JSON.stringify(request));
  refuseTooLarge(bytes, `the request ${verbOf(contract)}`);
  return bytes;
}

/** The responder's side of one request, whatever carried it. Never rejects: a failure is an envelope too. */
export async function answer<C extends RequestContract>(
  contract: C,
  handle: Handle<C>,
  received: { bytes: Uint8Array; context: RequestContext; log: Logger },
): Promise<Buffer> {
  const envelope = await work(contract, handle, received);
  const bytes = Buffer.from(JSON.stringify(envelope));
  if (bytes.length <= limits.messageBytesMax) return bytes;
  const tooLarge = new AppError(
    'too-large',
    `the reply of ${verbOf(contract)} has ${bytes.length} bytes, the limit is ${limits.messageBytesMax}: answer with a blob id`,
  );
  received.log.error('reply is too large', { verb: verbOf(contract), bytes: bytes.length });
  return Buffer.from(JSON.stringify({ error: tooLarge.toJSON() }));
}

/** Somebody has to read it: the beginning of a long message says more than that it was too long. */
function shortened(error: AppErrorJson): AppErrorJson {
  if (error.message.length <= limits.errorMessageCharsMax) return error;
  return { ...error, message: `${error.message.slice(0, limits.errorMessageCharsMax)} … (${error.message.length} characters)` };
}

async function work<C extends RequestContract>(
  contract: C,
  handle: Handle<C>,
  received: { bytes: Uint8Array; context: RequestContext; log: Logger },
): Promise<Envelope> {
  try {
    refuseTooLarge(received.bytes, `the request ${verbOf(contract)}`);
    const parsed = contract.request.safeParse(parseJson(received.bytes, `the request ${verbOf(contract)}`));
    if (!parsed.success) throw new AppError('invalid-argument', `${verbOf(contract)}: ${issuesOf(parsed.error)}`);
    return { ok: (await handle(parsed.data as RequestOf<C>, received.context)) ?? null };
  } catch (error) {
    if (AppError.is(error)) return { error: shortened(error.toJSON()) };
    // What a foreign error says may hold anything: it stays in this process.
    received.log.error('request failed', { verb: verbOf(contract), error });
    return { error: new AppError('internal', `${verbOf(contract)} failed; the log of ${contract.service} says why`, { retry: 'later' }).toJSON() };
  }
}

/** The caller's side: the reply, or the responder's error thrown here. */
export function decodeReply<C extends RequestContract>(contract: C, bytes: Uint8Array): ReplyOf<C> {
  refuseTooLarge(bytes, `the reply of ${verbOf(contract)}`);
  const envelope = parseJson(bytes, `the reply of ${verbOf(contract)}`) as Partial<{ ok: unknown; error: AppErrorJson }>;
  if (envelope.error !== undefined) throw errorOf(contract, envelope.error);
  const parsed = contract.reply.safeParse(envelope.ok);
  if (!parsed.success) throw new AppError('internal', `${verbOf(contract)} answered out of contract: ${issuesOf(parsed.error)}`);
  return parsed.data as ReplyOf<C>;
}

function errorOf(contract: RequestContract, json: AppErrorJson): AppError {
  if (!errorCodes.includes(json.code)) return new AppError('internal', `${verbOf(contract)} answered an unknown error: ${String(json.message)}`);
  return AppError.fromJson(json);
}

export function refuseTooLarge(bytes: Uint8Array, what: string): void {
  if (bytes.length > limits.messageBytesMax) {
    throw new AppError('too-large', `${what} has ${bytes.length} bytes, the limit is ${limits.messageBytesMax}`, {
      details: { bytes: bytes.length, bytesMax: limits.messageBytesMax },
    });
  }
}

function parseJson(bytes: Uint8Array, what: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (cause) {
    throw new AppError('invalid-argument', `${what} is not JSON`, { cause });
  }
}

/** `urls.0: Too small`: names the field, never its value. */
function issuesOf(error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] }): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.length === 0 ? 'the body' : issue.path.map(String).join('.')}: ${issue.message}`)
    .join('; ');
}
