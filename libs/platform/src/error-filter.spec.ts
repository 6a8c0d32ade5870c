import { NotFoundException } from '@nestjs/common';
import { AppError, errorCodes, errorCodeTable } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { httpErrorOf } from './error-filter.ts';

const none = (): string => expect.fail('no incident expected');

describe('httpErrorOf', () => {
  it.each(errorCodes.filter((code) => code !== 'internal'))('maps %s by the table', (code) => {
    const { http, grpc } = errorCodeTable[code];
    expect(httpErrorOf(new AppError(code, 'what happened'), none)).toEqual({
      status: http,
      body: { error: 'what happened', message: 'what happened', code: grpc },
    });
  });

  it("keeps a framework's refusal", () => {
    expect(httpErrorOf(new NotFoundException('Cannot GET /x'), none)).toEqual({
      status: 404,
      body: { error: 'Cannot GET /x', message: 'Cannot GET /x', code: 5 },
    });
    expect(httpErrorOf(Object.assign(new Error('Request body is too large'), { statusCode: 413 }), none)).toMatchObject({ status: 413, body: { code: 8 } });
  });

  it.each([
    ['a foreign error', new Error('select hunter2')],
    ['an internal AppError', new AppError('internal', 'hunter2')],
    ['not even an error', 'hunter2'],
    ['null', null],
  ])('hides %s behind an incident', (_title, thrown) => {
    const { status, body } = httpErrorOf(thrown, () => 'i-1');
    expect(status).toBe(500);
    expect(body).toEqual({ error: 'internal error; the log has it as i-1', message: 'internal error; the log has it as i-1', code: 13 });
  });
});
