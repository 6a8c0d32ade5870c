import type { RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { History } from '../load/history.ts';
import { checkCommits, checkEndsAfterKills, checkOperations } from './promises.ts';

let position = 0;
const event = (type: string, data: unknown, name = 'web'): RecordedEvent => ({
  position: ++position,
  id: String(position),
  stream: `application-argocd/${name}/uid`,
  version: position,
  type,
  data,
  metadata: { actor: 'system:syncer', service: 'syncer', schemaVersion: 1 },
  at: '2026-01-01T00:00:00.000000Z',
});
const requested = (operationId: string, revision: string): RecordedEvent => event('SyncRequested', { operationId, revision });

const pushed = (...commits: string[]): History => {
  const history = new History();
  history.pushed.push(...commits.map((commit) => ({ commit, applications: ['web'] })));
  return history;
};

describe('checkCommits', () => {
  it('tells what became of each commit', () => {
    const events = [requested('1', 'b'), event('SyncSucceeded', { operationId: '1', revision: 'b' })];
    expect(checkCommits(events, pushed('a', 'b'))).toEqual({ synced: 1, superseded: 1, failed: 0, problems: [] });
  });

  it('misses the last commit when nothing says what became of it', () => {
    const events = [requested('1', 'a'), event('SyncSucceeded', { operationId: '1', revision: 'a' }), requested('2', 'b')];
    expect(checkCommits(events, pushed('a', 'b')).problems).toHaveLength(1);
    events.push(event('SyncFailed', { operationId: '2', phase: 'Failed', message: 'immutable' }));
    expect(checkCommits(events, pushed('a', 'b'))).toMatchObject({ synced: 1, failed: 1, problems: [] });
  });

  it('does not take the sync of another application for it', () => {
    expect(checkCommits([event('SyncSucceeded', { operationId: '1', revision: 'a' }, 'other')], pushed('a')).problems).toHaveLength(1);
  });
});

describe('checkOperations', () => {
  it('finds what never ended, and what failed without a reason', () => {
    expect(checkOperations([requested('1', 'a')])).toHaveLength(1);
    expect(checkOperations([requested('1', 'a'), event('SyncFailed', { operationId: '1', phase: 'Error', message: '' })])).toHaveLength(1);
    expect(checkOperations([requested('1', 'a'), event('SyncSucceeded', { operationId: '1', revision: 'a' })])).toEqual([]);
  });
});

describe('checkEndsAfterKills', () => {
  const at = (event: RecordedEvent, seconds: number): RecordedEvent => ({ ...event, at: new Date(seconds * 1_000).toISOString() });
  const operation = (began: number, ended: number): RecordedEvent[] => [
    at(requested('1', 'a'), began),
    at(event('SyncFailed', { operationId: '1', phase: 'Error', message: 'why' }), ended),
  ];
  const check = (events: RecordedEvent[], ...kills: number[]): string[] =>
    checkEndsAfterKills(
      events,
      kills.map((seconds) => seconds * 1_000),
      60_000,
    );

  it('finds an operation that was interrupted and took too long to end', () => {
    expect(check(operation(100, 200), 110)).toEqual(['I9: operation 1 ended 90000 ms after the kill that interrupted it']);
    expect(check(operation(100, 200), 150)).toEqual([]);
  });

  it('counts from the last kill, and only kills while it was under way', () => {
    expect(check(operation(100, 200), 145, 110)).toEqual([]);
    expect(check(operation(100, 200), 90)).toEqual([]);
    expect(check(operation(100, 200), 210)).toEqual([]);
  });
});
