import type { ConnectRouter } from '@connectrpc/connect';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { adapterOf } from './grpc-server.ts';

/** Where calls of gRPC-Web and Connect go, on the port of REST. */
export const connectPrefix = '/plumbline.v1.EventService/';

/**
 * Serves the same calls to browsers (gRPC-Web, Connect). Media types that a form or a plain text can have are not taken:
 * a foreign page can't send any other without asking first.
 */
export async function mountConnect(app: NestFastifyApplication, routes: (router: ConnectRouter) => void): Promise<void> {
  const handle = adapterOf(routes);
  await app
    .getHttpAdapter()
    .getInstance()
    .register(async (scope) => {
      scope.removeAllContentTypeParsers();
      // The call is read by its own protocol.
      scope.addContentTypeParser(/^application\/(grpc-web|connect\+|json|proto)/, (_request, _payload, done) => done(null));
      scope.post(`${connectPrefix}:method`, (request, reply) => {
        reply.hijack();
        handle(request.raw, reply.raw);
      });
    });
}
