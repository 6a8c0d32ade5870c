import type { Application, ApplicationEvent } from '@plumbline/contracts';
import { AppError, silentLogger } from '@plumbline/contracts';
import { repositoryId } from '@plumbline/git';
import type { Discovery } from '@plumbline/kube';
import { expect, onTestFinished, test, vi } from 'vitest';
import { compared, declared, deployment, outOfSync, record, requested, started } from '../domain/testdata/examples.ts';
import { evolve, initialState } from '../domain/state.ts';
import { limits } from '../limits.ts';
import type { World } from '../world/world.ts';
import type { Entry } from './entry.ts';
import { makeMovedRepositories } from './moved-repository.ts';

const repoURL = 'https://git.example.org/mono.git';
const repository = repositoryId(repoURL);
const target = { repository, commit: 'c2', tree: 't2' };
const settled = [declared, compared('r1', [deployment])];

function entryOf(key: string, events: readonly ApplicationEvent[], more: Partial<Entry> = {}): Entry {
  const resource = { metadata: { name: key }, spec: { source: { repoURL, path: key, targetRevision: 'main' } } } as unknown as Application;
  const log = { state: events.map(record).reduce(evolve, initialState) };
  return { key, resource, isPresent: true, recordsPointer: false, unanswered: 0, wanted: new Set(), log, ...more } as unknown as Entry;
}

/** Applications of one repository that is told to have moved; `remembered`: what the renderer says, by application. */
function stage(entries: readonly Entry[], remembered: (key: string) => string | undefined, world: Partial<World> = {}) {
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const woken: string[] = [];
  const asked: number[] = [];
  let position = 0;
  const moved = makeMovedRepositories({
    applications: byKey,
    subscriptions: { of: () => [...byKey.keys()] },
    desired: {
      recall: async (sealedSpecs) => {
        asked.push(sealedSpecs.length);
        return sealedSpecs.map(() => {
          const answer = remembered(entries[position % entries.length]!.key);
          position++;
          return answer;
        });
      },
    },
    world: { ref: () => ({ ...target, ref: 'main', position: 2 }), outage: () => undefined, project: () => undefined, ...world },
    kube: { discover: async () => ({ serverVersion: 'v1', kinds: [], apiVersions: [] }) as unknown as Discovery },
    wake: (key) => woken.push(key),
    log: silentLogger,
  });
  return { moved, woken, asked };
}

const fleet = (count: number): Entry[] => Array.from({ length: count }, (_, index) => entryOf(`a${index}`, settled));

test('few followers are all looked at, and the renderer is not asked first', () => {
  const entries = fleet(limits.pointersAtOnceMax);
  const { moved, woken, asked } = stage(entries, () => 'set-r1');
  moved.moved(repository, 'why');
  expect(woken).toHaveLength(entries.length);
  expect(entries.every((entry) => entry.correlation === 'why')).toBe(true);
  expect(asked).toEqual([]);
});

test('of many, those are looked at that render something else or that the renderer does not remember; the others have their answer', async () => {
  const entries = fleet(limits.recalledAtOnceMax + 10);
  const { moved, woken, asked } = stage(entries, (key) => ({ a3: 'set-r2', a260: undefined })[key] ?? (key === 'a260' ? undefined : 'set-r1'));
  moved.moved(repository, 'why');
  await vi.waitFor(() => expect(woken).toEqual(['a3', 'a260']));
  expect(asked).toEqual([limits.recalledAtOnceMax, 10]);
  expect(entries[0]).toMatchObject({ rendered: { manifestSet: 'set-r1', question: expect.stringContaining('c2') } });
  expect(entries[3]!.rendered).toBeUndefined();
});

test.each<[string, Entry]>([
  ['out of sync', entryOf('odd', [declared, compared('r1', [outOfSync(deployment)])])],
  ['syncing', entryOf('odd', [...settled, requested('o1', 'r1'), started('o1')])],
  ['in trouble', entryOf('odd', [...settled, { type: 'ComparisonFailed', data: { code: 'manifest-invalid', message: 'no', condition: 'ComparisonError' } }])],
  ['never compared', entryOf('odd', [declared])],
  ['waiting for a hard refresh', entryOf('odd', settled, { isHardWanted: true })],
  ['gone', entryOf('odd', settled, { isPresent: false })],
])('of many, one that is %s is looked at whatever it renders', async (_, odd) => {
  const { moved, woken, asked } = stage([...fleet(limits.pointersAtOnceMax), odd], () => 'set-r1');
  moved.moved(repository, 'why');
  await vi.waitFor(() => expect(asked).toEqual([limits.pointersAtOnceMax]));
  expect(woken).toEqual(['odd']);
});

test('while the repository cannot be reached, and when the renderer cannot be asked, all are looked at', async () => {
  const entries = fleet(30);
  const away = stage(entries, () => 'set-r1', { outage: () => ({ message: 'away', sinceMs: 0 }) });
  away.moved.moved(repository, 'why');
  expect(away.woken).toHaveLength(30);
  const silent = stage(entries, () => {
    throw new AppError('unavailable', 'nobody answers');
  });
  silent.moved.moved(repository, 'why');
  await vi.waitFor(() => expect(silent.woken).toHaveLength(30));
});

// Found by the fault suite: a renderer that was killed during a push made all followers say so, each with two events.
test('a renderer that restarts is asked again before anybody is woken; of one that stays away, all are', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let tries = 0;
  const away = (): never => {
    tries++;
    throw new AppError('unavailable', 'nobody answers', { retry: 'later' });
  };
  let isBack = false;
  const entries = fleet(30);
  const { moved, woken } = stage(entries, (key) => (isBack ? ({ a3: 'set-r2' }[key] ?? 'set-r1') : away()));
  moved.moved(repository, 'why');
  await vi.advanceTimersByTimeAsync(3 * limits.reconcileRetryMs);
  expect([tries, woken]).toEqual([3, []]);
  isBack = true;
  await vi.advanceTimersByTimeAsync(4 * limits.reconcileRetryMs);
  expect(woken).toEqual(['a3']);

  isBack = false;
  tries = 0;
  moved.moved(repository, 'again');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(tries).toBe(limits.recallTriesMax);
  expect(woken).toHaveLength(1 + entries.length);
});

test('a repository that moves again meanwhile is gone through once more, however often it moved', async () => {
  const { moved, asked } = stage(fleet(30), () => 'set-r1');
  for (let times = 0; times < 5; times++) moved.moved(repository, `why ${times}`);
  await vi.waitFor(() => expect(asked).toEqual([30, 30]));
});
