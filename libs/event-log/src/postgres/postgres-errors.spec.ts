import { describe, expect, it } from 'vitest';
import { postgresError } from './postgres-errors.ts';

const coded = (code: string): Error => Object.assign(new Error('no'), { code });

describe('postgresError', () => {
  // Remembers that a full disk counted as a fault of the event in hand, whose stream was parked, and that commands were
  // answered with 500 instead of 503 while a server could only be read.
  it.each([
    ['a full disk', '53100'],
    ['no memory', '53200'],
    ['no connection slot', '53300'],
    ['a disk that fails', '58030'],
    ['a server that may only be read', '25006'],
    ['a deadlock', '40P01'],
    ['a server that shuts down', '57P01'],
    ['a connection that broke', '08006'],
  ])('takes %s for an outage, which passes', (_what, code) => {
    expect(postgresError(coded(code), 'append')).toMatchObject({ code: 'unavailable', retry: 'later' });
  });

  it.each([
    ['wrong SQL', '42601', 'internal'],
    ['data that does not fit', '22003', 'internal'],
    ['what the log refuses', '55000', 'failed-precondition'],
    ['what the role may not', '42501', 'permission-denied'],
  ])('does not take %s for one', (_what, code, ours) => {
    expect(postgresError(coded(code), 'append')).toMatchObject({ code: ours, retry: 'never' });
  });

  it('looks through what TypeORM wraps', () => {
    expect(postgresError({ message: 'wrapped', driverError: coded('25006') }, 'append')).toMatchObject({ code: 'unavailable' });
  });
});
