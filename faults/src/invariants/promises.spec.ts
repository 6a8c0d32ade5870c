import type { RecordedEvent } from '@plumbline/contracts';
import { describe, expect, it } from 'vitest';
import { History } from '../load/history.ts';
import { checkCommits, checkOperations } from './promises.ts';

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
