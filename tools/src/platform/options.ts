import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { checkoutRoot } from './paths.ts';

export interface PlatformOptions {
  /** Addresses that the person gave; what is absent is found or started. */
  postgres?: string | undefined;
  nats?: string | undefined;
  redis?: string | undefined;
  /** Services that already answer on their default ports may be used. */
  useLocal: boolean;
  /** The person's own cluster instead of a private control plane. */
  kubeconfig?: string | undefined;
  /** Of the api on the loopback interface; undefined = 8080 or the next free one. */
  port?: number | undefined;
  gitServer: boolean;
  pollSeconds: number;
  detach: boolean;
  /** All services in one process that starts again when their code changes. */
  dev: boolean;
  /** Everything that the platform keeps: `.plumbline`. */
  stateDir: string;
}

export const usage = `npm start [-- options]

  --detach             return when ready; \`npm stop\` stops it
  --port N             port of the api (default 8080, or the next free one)
  --postgres URL       use this database (also PLUMBLINE_POSTGRES); what is made in it stays yours
  --nats URL           use this NATS server (also PLUMBLINE_NATS)
  --redis URL          use this Redis (also PLUMBLINE_REDIS)
  --use-local          use the PostgreSQL, NATS and Redis that already run on their default ports
  --kubeconfig FILE    use this cluster instead of starting a private control plane
  --no-git-server      do not start the demo Git server
  --poll-seconds N     how often repositories are asked for news (default 5)
  --state-dir DIR      where everything is kept (default .plumbline)
  --help               this text`;

/** Wrong usage: shown with the usage text, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Undefined: the person asked for help. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv, dev = false): PlatformOptions | undefined {
  const { values } = parseStrictly(args);
  if (values.help) return undefined;
  return {
    postgres: values.postgres ?? env['PLUMBLINE_POSTGRES'],
    nats: values.nats ?? env['PLUMBLINE_NATS'],
    redis: values.redis ?? env['PLUMBLINE_REDIS'],
    kubeconfig: values.kubeconfig === undefined ? undefined : resolve(values.kubeconfig),
    port: values.port === undefined ? undefined : wholeNumber('--port', values.port, 65_535),
    useLocal: values['use-local'] ?? false,
    gitServer: !values['no-git-server'],
    pollSeconds: wholeNumber('--poll-seconds', values['poll-seconds'] ?? '5', 86_400),
    detach: values.detach ?? false,
    dev,
    stateDir: stateDirOf(values['state-dir']),
  };
}

/** Where the platform of this checkout keeps its state, for the commands that only look. */
export function stateDirOf(given?: string): string {
  return given ? resolve(given) : join(checkoutRoot, '.plumbline');
}

/** For commands that take nothing but `--state-dir`. */
export function parseStateDir(args: readonly string[]): string {
  return stateDirOf(parseArgs({ args: [...args], options: { 'state-dir': { type: 'string' } } }).values['state-dir']);
}

function parseStrictly(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        postgres: { type: 'string' },
        nats: { type: 'string' },
        redis: { type: 'string' },
        'use-local': { type: 'boolean' },
        kubeconfig: { type: 'string' },
        port: { type: 'string' },
        'no-git-server': { type: 'boolean' },
        'poll-seconds': { type: 'string' },
        'state-dir': { type: 'string' },
        detach: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > max) throw new UsageError(`${flag} wants a whole number from 1 to ${max}, not '${text}'.`);
  return value;
}
