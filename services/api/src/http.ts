import { AppError } from '@plumbline/contracts';
import { httpErrorOf } from '@plumbline/platform';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tokenOf } from './access/authentication.ts';
import { rememberCaller } from './access/callers.ts';
import type { Door } from './door.ts';
import { callsUrl } from './grpc/call-routes.ts';

/** Who isn't logged in reaches these and nothing else. */
const open = new Set(['GET /healthz', 'GET /readyz', 'GET /api/version', 'POST /api/webhook', 'POST /api/v1/session']);

/**
 * What comes before every route, and before a body is read: who calls, and JSON as the only kind of body. A form or a
 * text that a foreign page makes a browser send is refused here.
 */
export function guardHttp(app: NestFastifyApplication, door: Door): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store');
      try {
        await admit(request, door);
      } catch (error) {
        return refuse(reply, error);
      }
      return undefined;
    });
}

async function admit(request: FastifyRequest, door: Door): Promise<void> {
  if (request.is404) return;
  // Calls say themselves who may call, in the words of their protocol, and take no body that a form could send.
  if (request.routeOptions.url === callsUrl) return;
  const route = `${request.method === 'HEAD' ? 'GET' : request.method} ${request.routeOptions.url ?? ''}`;
  if (!open.has(route)) rememberCaller(request, await door.authenticate(tokenOf(request.headers)));
  const hasBody = request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
  if (hasBody && !/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) throw new UnsupportedMediaType();
}

/** 415: not a code of ours, because only HTTP has media types. */
class UnsupportedMediaType extends Error {
  readonly statusCode = 415;

  constructor() {
    super('only application/json is read');
  }
}

function refuse(reply: FastifyReply, error: unknown): FastifyReply {
  const { status, body } = httpErrorOf(error, () => AppError.from(error).code);
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(status).type('application/json').send(body);
}
