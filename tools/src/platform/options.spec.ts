import { describe, expect, it } from 'vitest';

import { parseOptions, UsageError } from './options.ts';

describe('options of npm start', () => {
  it('finds or starts everything by itself when nothing is said', () => {
    expect(parseOptions([], {})).toMatchObject({ useLocal: false, gitServer: true, pollSeconds: 5, detach: false, postgres: undefined, port: undefined });
  });

  it('takes addresses from flags before the environment', () => {
    const env = { PLUMBLINE_POSTGRES: 'postgres://env', PLUMBLINE_NATS: 'nats://env' };
    expect(parseOptions(['--postgres', 'postgres://flag', '--no-git-server'], env)).toMatchObject({
      postgres: 'postgres://flag',
      nats: 'nats://env',
      gitServer: false,
    });
  });

  it.each([[['--kubconfig', 'x']], [['extra']], [['--port', 'eighty']], [['--port', '70000']], [['--poll-seconds', '0']], [['--postgres']]])(
    'refuses %j',
    (args) => {
      expect(() => parseOptions(args, {})).toThrow(UsageError);
    },
  );

  it('answers --help with nothing to do', () => {
    expect(parseOptions(['--help'], {})).toBeUndefined();
  });
});
