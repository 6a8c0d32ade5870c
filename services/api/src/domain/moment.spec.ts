import { describe, expect, it } from 'vitest';
import { readMoment } from './moment.ts';

const range = { oldest: 11, head: 20, now: Date.parse('2030-01-01T00:00:00Z') };

describe('a moment', () => {
  it.each([
    ['11', { position: 11 }],
    ['20', { position: 20 }],
    ['2029-12-31T23:59:59Z', { time: '2029-12-31T23:59:59Z' }],
    ['2029-12-31T23:59:59.123456+02:00', { time: '2029-12-31T23:59:59.123456+02:00' }],
    ['2029-12-31T23:59:59 02:00', { time: '2029-12-31T23:59:59+02:00' }],
  ])('is %s', (text, moment) => expect(readMoment(text, range)).toEqual(moment));

  it.each(['', '0', '21', '-1', '1.5', 'x', '1e1', '99999999999999999999', '2030-01-01T00:00:01Z', '2029-12-31', '2029-13-01T00:00:00Z', 'yesterday', "11'"])(
    'is not %j, and the allowed range is told',
    (text) =>
      expect(() => readMoment(text, range)).toThrow(
        expect.objectContaining({ code: 'invalid-argument', message: expect.stringMatching(/position from 11 to 20.*not after 2030-01-01T00:00:00/) }),
      ),
  );

  it('that the log no longer has is gone', () =>
    expect(() => readMoment('10', range)).toThrow(
      expect.objectContaining({ code: 'gone', details: { oldest: 11 }, message: expect.stringContaining('oldest position is 11') }),
    ));
});
