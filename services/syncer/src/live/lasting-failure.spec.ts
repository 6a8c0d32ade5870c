import { AppError } from '@plumbline/contracts';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeLastingFailure } from './lasting-failure.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const failing = new AppError('unavailable', 'conversion webhook failed', { retry: 'later' });

function failure() {
  const changed = vi.fn<() => void>();
  return { changed, ...makeLastingFailure({ clock: Date.now, afterMs: 60_000, changed }) };
}

test('is told with its beginning and its first words once it has lasted, and once when it is over', () => {
  const { changed, failed, ended, told } = failure();
  failed(failing);
  vi.advanceTimersByTime(59_999);
  failed(new AppError('unavailable', 'other words'));
  expect([told(), changed.mock.calls.length]).toEqual([undefined, 0]);
  vi.advanceTimersByTime(1);
  expect([told(), changed.mock.calls.length]).toEqual([{ since: '1970-01-01T00:00:00.000Z', reason: 'conversion webhook failed' }, 1]);
  ended();
  ended();
  expect([told(), changed.mock.calls.length]).toEqual([undefined, 2]);
});

test('is not told when it was short', () => {
  const { changed, failed, ended } = failure();
  failed(failing);
  ended();
  vi.advanceTimersByTime(120_000);
  expect(changed).not.toHaveBeenCalled();
});

test('an API server that can not be reached is no failure of one kind', () => {
  const { changed, failed, told } = failure();
  failed(failing);
  failed(new AppError('cluster-unreachable', 'refused'));
  vi.advanceTimersByTime(120_000);
  expect([told(), changed.mock.calls.length]).toEqual([undefined, 0]);
});
