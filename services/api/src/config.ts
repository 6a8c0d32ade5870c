import { z } from 'zod';

export interface ApiConfig {
  /** Absent: no gRPC. */
  grpcPort?: number;
}

/** What api reads from its environment besides what every service reads. */
export const apiVariables = z
  .object({
    PLUMBLINE_GRPC_PORT: z.coerce
      .number({ error: 'expected a port number, 0 to 65535' })
      .int()
      .min(0, { error: 'expected a port number, 0 to 65535' })
      .max(65_535, { error: 'expected a port number, 0 to 65535' })
      .optional()
      .describe('Port of gRPC (HTTP/2 without TLS) on PLUMBLINE_HTTP_HOST; 0 takes any free one, without it there is no gRPC'),
  })
  .transform(({ PLUMBLINE_GRPC_PORT: grpcPort }): ApiConfig => (grpcPort === undefined ? {} : { grpcPort }));
