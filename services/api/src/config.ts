import { z } from 'zod';

/** What api reads beyond what every service reads. */
export const apiConfig = z
  .object({
    PLUMBLINE_GRPC_PORT: z.coerce
      .number({ error: 'expected a port number, 0 to 65535' })
      .int()
      .min(0, { error: 'expected a port number, 0 to 65535' })
      .max(65_535, { error: 'expected a port number, 0 to 65535' })
      .default(0)
      .describe('Port of gRPC (HTTP/2 without TLS) on PLUMBLINE_HTTP_HOST; 0 takes any free one, which the log tells'),
  })
  .transform((read) => ({ grpcPort: read.PLUMBLINE_GRPC_PORT }));

export type ApiConfig = z.infer<typeof apiConfig>;
