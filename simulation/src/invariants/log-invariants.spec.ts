import type { RecordedEvent } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import type { World } from '../world/world.ts';
import { noCommandIsLost, syncsEnd } from './command-invariants.ts';
import { LogWatch } from './log-invariants.ts';

const stream = 'application-argocd/a/uid';

/** Facts with the positions and versions that a sound log gives them. */
function log(...facts: Partial<RecordedEvent>[]): RecordedEvent[] {
  const versions = new Map<string, number>();
  return facts.map((fact, index) => {
    const of = fact.stream ?? stream;
    versions.set(of, (versions.get(of) ?? 0) + 1);
    const metadata = { actor: 'user-1', service: 'syncer', schemaVersion: 1 };
    return { position: index + 1, id: `id-${index}`, stream: of, version: versions.get(of)!, type: 'T', data: {}, metadata, at: '', ...fact };
  });
}

const sync = (type: string, operationId: string, message = 'because'): Partial<RecordedEvent> => ({ type, data: { operationId, message } });

it('takes a sound log', () => {
  const watch = new LogWatch();
  watch.look(log({}, {}));
  watch.look(log({}, {}, { stream: 'other-1' }));
  syncsEnd(log(sync('SyncRequested', 'one'), sync('SyncFailed', 'one'), sync('SyncRequested', 'two'), sync('SyncSucceeded', 'two')));
  syncsEnd(log(sync('SyncRequested', 'one'), { type: 'ApplicationDeleted' }));
});

it.each<[string, () => void, string]>([
  ['a missing position', () => new LogWatch().look(log({}, { position: 3 })), 'positions are dense'],
  ['a version twice', () => new LogWatch().look(log({}, { version: 1 })), 'versions are dense'],
  [
    'a fact that changed',
    () => {
      const watch = new LogWatch();
      watch.look(log({ data: 1 }, {}));
      watch.look(log({ data: 2 }, {}));
    },
    'facts are stable',
  ],
  [
    'a fact that is gone',
    () => {
      const watch = new LogWatch();
      watch.look(log({}, {}));
      watch.look(log({}));
    },
    'facts are stable',
  ],
  ['a sync without an end', () => syncsEnd(log(sync('SyncRequested', 'one'))), 'a sync ends'],
  ['a sync with two ends', () => syncsEnd(log(sync('SyncRequested', 'one'), sync('SyncFailed', 'one'), sync('SyncFailed', 'one'))), 'a sync ends once'],
  ['a failure without a reason', () => syncsEnd(log(sync('SyncRequested', 'one'), sync('SyncFailed', 'one', ''))), 'a sync ends with a reason'],
  [
    'a command without an outcome',
    () => noCommandIsLost(log({ type: 'CommandAccepted', stream: 'command-1' }), acknowledged, () => true),
    'no acknowledged command is lost',
  ],
  [
    'a command that nobody carried out',
    () => noCommandIsLost(log({ type: 'CommandAccepted', stream: 'command-1' }, { type: 'CommandDone', stream: 'command-1' }), acknowledged, () => true),
    'no acknowledged command is lost',
  ],
])('does not take %s', (_, look, invariant) => {
  expect(look).toThrow(expect.objectContaining({ finding: expect.objectContaining({ invariant }) as object }) as Error);
});

const acknowledged: Pick<World, 'acknowledged'> = { acknowledged: [{ user: 'user-1', application: 'a', uid: 'uid' }] };
