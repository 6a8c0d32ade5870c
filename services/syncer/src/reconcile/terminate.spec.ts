import { expect, test } from 'vitest';
import type { OperationRecord } from '../domain/state.ts';
import type { Entry } from './entry.ts';
import { overdueOf } from './terminate.ts';

const requestedAt = '2030-01-01T00:00:00.000Z';
const minute = 60_000;
const entryWith = (operation: Partial<OperationRecord> | undefined): Entry =>
  ({ log: { state: { status: 'declared', operation: operation && { operationId: 'a', phase: 'Running', requestedAt, ...operation } } } }) as unknown as Entry;

// argocd-compat B098: controller.sync.timeout.seconds, 0 = off.
test.each<[string, Partial<OperationRecord> | undefined, number, number, boolean]>([
  ['that takes longer', {}, 10 * minute, 10 * minute, true],
  ['that is tried again and again', { attempt: 7, retryAt: '2030-01-01T01:00:00.000Z' }, 10 * minute, 10 * minute, true],
  ['that has time left', {}, 10 * minute, 10 * minute - 1, false],
  ['that may take as long as it takes', {}, 0, 1_000 * minute, false],
  ['that has applied everything', { healthUntil: '2030-01-01T01:00:00.000Z' }, 10 * minute, 20 * minute, false],
  ['that has ended', { phase: 'Failed' }, 10 * minute, 20 * minute, false],
  ['that never was', undefined, 10 * minute, 20 * minute, false],
])('an operation %s', (_, operation, timeoutMs, afterMs, isEnded) => {
  const commands = overdueOf(entryWith(operation), { timeoutMs }, Date.parse(requestedAt) + afterMs);
  expect(commands).toEqual(isEnded ? [{ type: 'TerminateSync', operationId: 'a' }] : []);
});
