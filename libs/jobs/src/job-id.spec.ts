import type { AppError } from '@plumbline/contracts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jobIdOf, keyOf } from './job-id.ts';

it('gives every key an id that BullMQ takes, and gives it back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }), (key) => {
      const id = jobIdOf(key);
      expect(id).not.toContain(':');
      expect(String(Number.parseInt(id, 10))).not.toBe(id);
      expect(keyOf(id)).toBe(key);
    }),
  );
});

it.each(['', 'x'.repeat(513)])('refuses a key of a wrong size', (key) => {
  expect(() => jobIdOf(key)).toThrow(expect.objectContaining({ name: 'AppError', code: 'invalid-argument' }) as AppError);
});
