import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import type { Dispatcher } from 'undici';
import type { Http } from './http.ts';
import type { KubeLimits } from './limits.ts';
import { makeLineSplitter } from './line-splitter.ts';
import { describe, named, serverError, type Subject } from './server-error.ts';

/** BOOKMARK: nothing changed up to its resourceVersion. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: KubeObject;
}

export interface WatchStreamOptions {
  subject: Subject;
  limits: KubeLimits;
  signal: AbortSignal;
  /** The server has accepted the watch. */
  onOpen(): void;
  /** What it throws ends the stream and is what `openWatchStream` throws. */
  onEvent(event: WatchEvent): void;
}

const errorBodyBytesMax = 64 * 1024;

/**
 * One watch request, from its opening to its end. Resolves when the server ends it in good order, or `signal` aborts;
 * throws `gone` for 410, `cluster-unreachable` for a broken or silent connection, and the server's other errors.
 */
export function openWatchStream(http: Http, path: string, options: WatchStreamOptions): Promise<void> {
  const { subject, limits, signal, onOpen, onEvent } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let controller: Dispatcher.DispatchController | undefined;
  let status = 0;
  let failure: unknown;
  const errorBody: Buffer[] = [];
  let errorBodyBytes = 0;

  const fail = (error: unknown): void => {
    failure ??= error;
    controller?.abort(error instanceof Error ? error : new Error(String(error)));
  };
  const abort = (): void => controller?.abort(new Error('the watch was stopped'));
  signal.addEventListener('abort', abort, { once: true });

  const split = makeLineSplitter(limits.watch.lineBytesMax, (line) => onEvent(eventOf(line, subject)));
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started;
      if (signal.aborted) abort();
    },
    onResponseStart(_controller, statusCode) {
      status = statusCode;
      if (statusCode === 200) onOpen();
    },
    onResponseData(_controller, chunk) {
      if (failure !== undefined) return;
      try {
        if (status === 200) split(chunk);
        else if ((errorBodyBytes += chunk.length) <= errorBodyBytesMax) errorBody.push(Buffer.from(chunk));
      } catch (error) {
        fail(error);
      }
    },
    onResponseEnd() {
      if (failure !== undefined) reject(failure);
      else if (status === 200) resolve();
      else reject(serverError(status, statusBody(errorBody), subject));
    },
    onResponseError(_controller, error) {
      if (signal.aborted) resolve();
      else reject(failure ?? brokenConnection(error, subject, limits));
    },
  };
  http.open(path, handler, { silenceMaxMs: limits.watch.silenceMaxMs }).catch(reject);
  return promise.finally(() => signal.removeEventListener('abort', abort));
}

function eventOf(line: Buffer, subject: Subject): WatchEvent {
  let event: { type?: unknown; object?: unknown };
  try {
    event = JSON.parse(line.toString('utf8')) as typeof event;
  } catch {
    // The parser's own message would quote the line.
    throw new AppError('internal', `${describe(subject)}: a line of the watch is not JSON`, { retry: 'later', details: named(subject) });
  }
  const { type, object } = event;
  if (type === 'ERROR') throw serverError((object as { code?: number } | undefined)?.code ?? 500, object, subject);
  if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK') return { type, object: object as KubeObject };
  throw new AppError('internal', `${describe(subject)}: the watch sent an event of unknown type`, { retry: 'later', details: named(subject) });
}

function statusBody(chunks: readonly Buffer[]): unknown {
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function brokenConnection(error: Error, subject: Subject, limits: KubeLimits): AppError {
  const isSilent = (error as { code?: string }).code === 'UND_ERR_BODY_TIMEOUT';
  const why = isSilent ? `nothing was heard for ${limits.watch.silenceMaxMs} ms` : error.message;
  return new AppError('cluster-unreachable', `${describe(subject)}: the watch's connection broke: ${why}`, {
    retry: 'later',
    details: named(subject),
    cause: error,
  });
}
