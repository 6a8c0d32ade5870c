import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import type { AddressInfo } from 'node:net';
import { AppErrorFilter } from './error-filter.ts';
import type { Health } from './health.ts';
import { limits } from './limits.ts';
import { nestLogger } from './logging.ts';
import { ProcessModule } from './process.module.ts';
import type { RunningService } from './service.ts';

export interface HttpServer {
  url: string;
  /** Stops accepting, lets requests in flight end, cuts what is left after the drain time. */
  close(): Promise<void>;
}

/** Serves health, metrics and the service's own controllers. */
export async function serveHttp(address: { host: string; port: number }, health: Health, service: RunningService, log: Logger): Promise<HttpServer> {
  const adapter = new FastifyAdapter({
    bodyLimit: limits.httpBodyBytesMax,
    requestTimeout: limits.httpRequestMs,
    forceCloseConnections: 'idle',
    // Addresses are taken from the socket; who stands behind a proxy says so in its own configuration.
    trustProxy: false,
  });
  const app = await NestFactory.create<NestFastifyApplication>(ProcessModule.with(health, service.module), adapter, {
    logger: nestLogger(log),
    abortOnError: false,
    // Raw bytes beside the parsed body: webhooks are signed over bytes.
    rawBody: true,
  });
  app.useGlobalFilters(new AppErrorFilter(log));
  await service.configureHttp?.(app);
  try {
    await app.listen(address.port, address.host);
  } catch (cause) {
    await app.close();
    throw new AppError(
      'failed-precondition',
      `can't listen on ${address.host}:${address.port} (${(cause as NodeJS.ErrnoException).code}): set PLUMBLINE_HTTP_HOST and PLUMBLINE_HTTP_PORT`,
      { cause },
    );
  }
  const server = app.getHttpServer();
  const { address: host, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}`,
    async close() {
      const cut = setTimeout(() => server.closeAllConnections(), limits.drainMs);
      try {
        await app.close();
      } finally {
        clearTimeout(cut);
      }
    },
  };
}
