import { randomUUID } from 'node:crypto';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { HttpException } from '@nestjs/common';
import { AppError, errorCodeTable } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';

/** The body of an error as Argo CD's gateway writes it (grpc-gateway's runtime.Error: error, code, message). */
export interface HttpError {
  status: number;
  body: { error: string; message: string; code: number };
}

interface Reply {
  sent: boolean;
  status(code: number): { header(name: string, value: string): { send(body: unknown): void } };
}

/** What a client may know of a thrown value. `incident` is given for what it may not: the log has the rest under it. */
export function httpErrorOf(thrown: unknown, incident: () => string): HttpError {
  if (AppError.is(thrown) && thrown.code !== 'internal') {
    const { http, grpc } = errorCodeTable[thrown.code];
    return { status: http, body: { error: thrown.message, message: thrown.message, code: grpc } };
  }
  const status = statusOf(thrown);
  if (status !== undefined && status < 500) {
    const message = thrown instanceof Error ? thrown.message : 'refused';
    return { status, body: { error: message, message, code: grpcOf(status) } };
  }
  const message = `internal error; the log has it as ${incident()}`;
  return { status: 500, body: { error: message, message, code: errorCodeTable.internal.grpc } };
}

/** Nest's exceptions and Fastify's own errors (a body that is too large, malformed JSON) carry a status. */
function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' && status >= 400 ? status : undefined;
}

/** google.rpc.Code of the plain HTTP statuses that a framework makes. */
function grpcOf(status: number): number {
  return Object.values(errorCodeTable).find((entry) => entry.http === status)?.grpc ?? 3;
}

/** Every exception of every controller ends here. */
export class AppErrorFilter implements ExceptionFilter {
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<Reply>();
    const { status, body } = httpErrorOf(thrown, () => {
      const incident = randomUUID();
      this.#log.error('request failed', { incident, error: thrown });
      return incident;
    });
    // A stream (server-sent events) that fails in the middle has its status sent already.
    if (!reply.sent) reply.status(status).header('content-type', 'application/json').send(body);
  }
}
