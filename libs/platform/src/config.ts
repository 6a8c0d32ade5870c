import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AppError } from '@plumbline/contracts';
import { z } from 'zod';

/** What every service reads from its environment. */
export interface PlatformConfig {
  databaseUrl: string;
  natsUrl: string;
  /** Absent: jobs run on PostgreSQL. */
  redisUrl?: string;
  prefix: string;
  key: Buffer;
  instance: string;
  namespace: string;
  /** Absent: the cluster that the process runs in. */
  kubeconfig?: string;
  httpHost: string;
  httpPort: number;
  dataDir: string;
  logLevel: string;
  version: string;
}

const keyBytes = 32;
const url = (...protocols: string[]): z.ZodString =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `expected an address that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  });

/** One entry per environment variable; the reference table in the documentation is made from the descriptions. */
export const platformVariables = z.object({
  PLUMBLINE_DATABASE_URL: url('postgres:', 'postgresql:').describe('PostgreSQL 15 or newer: the event log, the blob store and the schemas of the services'),
  PLUMBLINE_NATS_URL: url('nats:', 'tls:').describe('NATS server 2.9 or newer'),
  PLUMBLINE_REDIS_URL: url('redis:', 'rediss:').optional().describe('Redis 7.0 or newer for the job queues; without it they live in PostgreSQL'),
  PLUMBLINE_PREFIX: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected 1 to 63 lower-case letters, digits and dashes' })
    .default('plumbline')
    .describe('First token of NATS subjects and Redis keys, so that installations can share servers'),
  PLUMBLINE_KEY: z
    .base64({ error: `expected base64 of ${keyBytes} bytes (openssl rand -base64 ${keyBytes})` })
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((key) => key.length === keyBytes, { error: `expected base64 of exactly ${keyBytes} bytes (openssl rand -base64 ${keyBytes})` })
    .describe('Seals secrets at rest and is the root of derived keys; the same for all services'),
  PLUMBLINE_INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: 'expected a name of letters, digits, dots, dashes and underscores' })
    .optional()
    .describe('Name of this replica; default <service>-0'),
  PLUMBLINE_NAMESPACE: z
    .string()
    .min(1)
    .max(63)
    .default('argocd')
    .describe('Control namespace: where Applications, AppProjects, repository Secrets and settings are'),
  PLUMBLINE_KUBECONFIG: z.string().min(1).optional().describe('kubeconfig file of the control cluster; without it the in-cluster account is used'),
  PLUMBLINE_HTTP_HOST: z.string().min(1).default('127.0.0.1').describe('Address that health, metrics and, on api, the door listen on'),
  PLUMBLINE_HTTP_PORT: z.coerce
    .number({ error: 'expected a port number, 0 to 65535' })
    .int()
    .min(0, { error: 'expected a port number, 0 to 65535' })
    .max(65_535, { error: 'expected a port number, 0 to 65535' })
    .default(0)
    .describe('Port of the same; 0 takes any free one'),
  PLUMBLINE_DATA_DIR: z.string().min(1).default(join(tmpdir(), 'plumbline')).describe('Mirrors and caches; may be deleted while the service is stopped'),
  PLUMBLINE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Lowest level that is logged'),
  PLUMBLINE_VERSION: z.string().min(1).max(64).default('0.0.0-dev').describe('Version that events and /healthz report'),
});

/**
 * Reads the platform's and the service's own variables. An empty variable counts as absent.
 *
 * @throws AppError `invalid-argument`: one line per wrong variable with its name and what is expected, never its value.
 */
export function readConfig<C>(service: string, own: z.ZodType<C>, env: Readonly<Record<string, string | undefined>>): PlatformConfig & C {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const platform = platformVariables.safeParse(present, { reportInput: false });
  const mine = own.safeParse(present, { reportInput: false });
  if (!platform.success || !mine.success) {
    const problems = [platform.error, mine.error].flatMap((error) => error?.issues ?? []).map((issue) => problemOf(issue, present));
    throw new AppError('invalid-argument', [`${service} can't start, its environment is wrong:`, ...problems.map((problem) => `  ${problem}`)].join('\n'), {
      details: { variables: problems.map((problem) => problem.slice(0, problem.indexOf(':'))) },
    });
  }
  const read = platform.data;
  return {
    databaseUrl: read.PLUMBLINE_DATABASE_URL,
    natsUrl: read.PLUMBLINE_NATS_URL,
    ...(read.PLUMBLINE_REDIS_URL === undefined ? {} : { redisUrl: read.PLUMBLINE_REDIS_URL }),
    prefix: read.PLUMBLINE_PREFIX,
    key: read.PLUMBLINE_KEY,
    instance: read.PLUMBLINE_INSTANCE ?? `${service}-0`,
    namespace: read.PLUMBLINE_NAMESPACE,
    ...(read.PLUMBLINE_KUBECONFIG === undefined ? {} : { kubeconfig: read.PLUMBLINE_KUBECONFIG }),
    httpHost: read.PLUMBLINE_HTTP_HOST,
    httpPort: read.PLUMBLINE_HTTP_PORT,
    dataDir: read.PLUMBLINE_DATA_DIR,
    logLevel: read.PLUMBLINE_LOG_LEVEL,
    version: read.PLUMBLINE_VERSION,
    ...mine.data,
  };
}

function problemOf(issue: z.core.$ZodIssue, present: Readonly<Record<string, unknown>>): string {
  const variable = String(issue.path[0] ?? 'environment');
  return variable in present ? `${variable}: ${issue.message}` : `${variable}: is not set; ${issue.message}`;
}
