import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { makeLogger, nestLogger } from './logging.ts';

function capture(level = 'debug'): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = makeLogger({ service: 'syncer', instance: 'syncer-0', level }, { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) });
  return { log, lines };
}

describe('logger', () => {
  it('writes one JSON object a line, with who says it', () => {
    const { log, lines } = capture('info');
    log.debug('too low');
    log.child({ application: 'demo' }).info('compared', { resources: 3 });
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
        service: 'syncer',
        instance: 'syncer-0',
        application: 'demo',
        message: 'compared',
        resources: 3,
      },
    ]);
  });

  it.each([
    'password',
    'dbPassword',
    'client_secret',
    'authorization',
    'Authorization',
    'token',
    'accessToken',
    'sshPrivateKey',
    'cookie',
    'apiKey',
    'credentials',
  ])('drops %s at any depth', (name) => {
    const { log, lines } = capture();
    log.info('x', { [name]: 'hunter2', deep: [{ more: { [name]: { value: 'hunter2' } } }] });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines[0]![name]).toBe('[redacted]');
  });

  it.each(['key', 'resourceKey', 'tokenId', 'name', 'passed', 'monkey'])('keeps %s', (name) => {
    const { log, lines } = capture();
    log.info('x', { [name]: 'kept' });
    expect(lines[0]![name]).toBe('kept');
  });

  it('drops bytes, user info of URLs, and what drivers hang on errors', () => {
    const { log, lines } = capture();
    const error = Object.assign(new Error('connect to postgres://u:hunter2@db failed'), {
      code: '28P01',
      parameters: ['hunter2'],
      query: 'select hunter2',
      cause: new AppError('internal', 'inner', { details: { password: 'hunter2' } }),
    });
    log.error('failed', { error, bytes: Buffer.from('hunter2'), url: 'https://me:hunter2@git.example.com/x' });
    const text = JSON.stringify(lines);
    expect(text).not.toContain('hunter2');
    expect(lines[0]!['error']).toMatchObject({ name: 'Error', code: '28P01', cause: { name: 'AppError', code: 'internal', message: 'inner' } });
    expect(lines[0]!['url']).toBe('https://[redacted]@git.example.com/x');
  });

  it('survives what refers to itself, and cuts what is long', () => {
    const { log, lines } = capture();
    const loop: Record<string, unknown> = {};
    loop['loop'] = loop;
    log.info('x', { loop, long: 'x'.repeat(100_000), many: Array.from({ length: 10_000 }, () => 1), big: 10n });
    expect(JSON.stringify(lines[0]).length).toBeLessThan(12_000);
    expect(lines[0]!['big']).toBe('10');
  });

  it("keeps Nest's chatter at debug and its errors as errors", () => {
    const { log, lines } = capture();
    nestLogger(log).log('Mapped {/healthz, GET} route', 'RouterExplorer');
    nestLogger(log).error(new Error('boom'), 'ExceptionsHandler');
    expect(lines.map((line) => [line['level'], line['message'], line['context']])).toEqual([
      ['debug', 'Mapped {/healthz, GET} route', 'RouterExplorer'],
      ['error', 'boom', 'ExceptionsHandler'],
    ]);
  });
});
