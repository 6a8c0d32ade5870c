import type { Logger } from '@plumbline/contracts';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Door } from '../door.ts';
import { callListener } from './call-listener.ts';
import { routeEvents } from './event-service.ts';

/** Where calls of gRPC-Web and Connect go, on the port of REST. */
export const callsUrl = '/plumbline.v1.EventService/:method';

/**
 * The calls of the gRPC port for who can't speak HTTP/2 end to end, as browsers can't: gRPC-Web and Connect. Only media
 * types are taken that a foreign page can't send without asking first (a form and a plain text are not among them).
 */
export async function mountCalls(app: NestFastifyApplication, door: Door, log: Logger): Promise<void> {
  const listen = callListener({ routes: (router) => routeEvents(router, door, log), log, grpc: false });
  await app
    .getHttpAdapter()
    .getInstance()
    .register(async (scope) => {
      scope.removeAllContentTypeParsers();
      // Each call reads its body by its own protocol.
      scope.addContentTypeParser(/^application\/(grpc-web|connect\+|json|proto)/, (_request, _payload, done) => done(null));
      scope.post(callsUrl, (request, reply) => {
        for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) reply.raw.setHeader(name, value);
        reply.hijack();
        listen(request.raw, reply.raw);
      });
    });
}
