import { AppError } from '@plumbline/contracts';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readConfig } from './config.ts';

const key = randomBytes(32);
const env = { PLUMBLINE_DATABASE_URL: 'postgres://u:hunter2@db:5432/plumbline', PLUMBLINE_NATS_URL: 'nats://nats:4222', PLUMBLINE_KEY: key.toString('base64') };
const nothing = z.object({});

function refusal(changed: Record<string, string | undefined>, own: z.ZodType = nothing): AppError {
  try {
    readConfig('syncer', own, { ...env, ...changed });
  } catch (error) {
    return AppError.from(error);
  }
  expect.fail('should have been refused');
}

describe('readConfig', () => {
  it('needs three variables and fills in the rest', () => {
    expect(readConfig('syncer', nothing, env)).toEqual({
      databaseUrl: env.PLUMBLINE_DATABASE_URL,
      natsUrl: env.PLUMBLINE_NATS_URL,
      prefix: 'plumbline',
      key,
      instance: 'syncer-0',
      namespace: 'argocd',
      httpHost: '127.0.0.1',
      httpPort: 0,
      dataDir: expect.any(String) as string,
      logLevel: 'info',
      version: '0.0.0-dev',
    });
  });

  it("adds the service's own variables, as its schema makes them", () => {
    const own = z
      .object({ PLUMBLINE_POLL_INTERVAL_SECONDS: z.coerce.number().int().min(1).default(30) })
      .transform((read) => ({ pollMs: read.PLUMBLINE_POLL_INTERVAL_SECONDS * 1000 }));
    expect(readConfig('repo-watcher', own, env)).toMatchObject({ pollMs: 30_000, instance: 'repo-watcher-0' });
    expect(readConfig('repo-watcher', own, { ...env, PLUMBLINE_POLL_INTERVAL_SECONDS: '5' })).toMatchObject({ pollMs: 5_000 });
  });

  it('takes an empty variable as absent', () => {
    expect(readConfig('syncer', nothing, { ...env, PLUMBLINE_REDIS_URL: '', PLUMBLINE_HTTP_PORT: '' })).toMatchObject({ httpPort: 0 });
  });

  it.each([
    ['PLUMBLINE_DATABASE_URL', 'mysql://x', /^ {2}PLUMBLINE_DATABASE_URL: expected an address that starts with postgres:\/\//],
    ['PLUMBLINE_NATS_URL', undefined, /^ {2}PLUMBLINE_NATS_URL: is not set; /],
    ['PLUMBLINE_KEY', 'c2hvcnQ=', /^ {2}PLUMBLINE_KEY: expected base64 of exactly 32 bytes/],
    ['PLUMBLINE_KEY', 'not base64!', /^ {2}PLUMBLINE_KEY: expected base64 of 32 bytes/],
    ['PLUMBLINE_HTTP_PORT', 'eighty', /^ {2}PLUMBLINE_HTTP_PORT: expected a port number/],
    ['PLUMBLINE_HTTP_PORT', '70000', /^ {2}PLUMBLINE_HTTP_PORT: expected a port number/],
    ['PLUMBLINE_PREFIX', 'a.b', /^ {2}PLUMBLINE_PREFIX: expected 1 to 63 lower-case/],
    ['PLUMBLINE_LOG_LEVEL', 'loud', /^ {2}PLUMBLINE_LOG_LEVEL: .*"debug"/],
  ])('refuses %s=%s in one line', (name, value, line) => {
    const { code, message } = refusal({ [name]: value });
    expect(code).toBe('invalid-argument');
    expect(message.split('\n')).toHaveLength(2);
    expect(message.split('\n')[1]).toMatch(line);
  });

  it('names every problem at once, one a line, and no value of any variable', () => {
    const own = z.object({ PLUMBLINE_ENGINE: z.string() });
    const { message } = refusal({ PLUMBLINE_DATABASE_URL: 'mysql://u:hunter2@db', PLUMBLINE_KEY: 'aHVudGVyMg==', PLUMBLINE_HTTP_PORT: '-1' }, own);
    expect(
      message
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(':')[0]),
    ).toEqual(['PLUMBLINE_DATABASE_URL', 'PLUMBLINE_KEY', 'PLUMBLINE_HTTP_PORT', 'PLUMBLINE_ENGINE']);
    expect(message).not.toMatch(/hunter2|aHVudGVyMg/);
  });
});
