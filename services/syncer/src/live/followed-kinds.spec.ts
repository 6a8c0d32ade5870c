import { silentLogger } from '@plumbline/contracts';
import type { Discovery, KindInfo } from '@plumbline/kube';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makeFollowedKinds } from './followed-kinds.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

const definition = 'apiextensions.k8s.io/CustomResourceDefinition//widgets.example.com';
const other = 'apiextensions.k8s.io/CustomResourceDefinition//gadgets.example.com';
const kindOf = (kind: string): KindInfo =>
  ({ group: 'example.com', version: 'v1', kind, resource: `${kind.toLowerCase()}s`, namespaced: true, verbs: ['list', 'watch'] }) as unknown as KindInfo;

/** A server that serves what the test says, and the times (ms) at which it was asked. */
async function followed() {
  let kinds = [kindOf('Widget')];
  let isDown = false;
  const asked: number[] = [];
  const changed = vi.fn<() => void>();
  const made = makeFollowedKinds({
    kube: {
      discover: () => {
        asked.push(Date.now());
        return isDown ? Promise.reject(new Error('down')) : Promise.resolve({ kinds, unavailableGroups: [] } as unknown as Discovery);
      },
    },
    log: silentLogger,
    state: { follow: () => undefined },
    isExcluded: () => false,
    clock: Date.now,
    changed,
  });
  await vi.advanceTimersByTimeAsync(1);
  made.definitionChanged(definition, { before: false, after: true });
  // All looks of the start are over, and the definition was quiet.
  await vi.advanceTimersByTimeAsync(100_000);
  asked.length = 0;
  return {
    ...made,
    asked,
    changed,
    serve: (...names: string[]) => void (kinds = names.map((name) => kindOf(name))),
    setDown: (value: boolean) => void (isDown = value),
    touch: () => made.definitionChanged(definition, { before: true, after: true }),
  };
}

test('a definition that changes all the time costs a look every two seconds, after the first quick ones', async () => {
  const { asked, touch, stop } = await followed();
  const start = Date.now();
  for (let ms = 0; ms < 60_000; ms += 50) {
    touch();
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(asked[0]! - start).toBeLessThanOrEqual(150);
  const later = asked.filter((at) => at - start > 5000);
  expect(later.length).toBeGreaterThan(20);
  expect(Math.min(...later.slice(1).map((at, index) => at - later[index]!))).toBeGreaterThanOrEqual(2000);
  stop();
});

test('what the last of many changes defines is found soon after it', async () => {
  const { asked, touch, serve, changed, stop } = await followed();
  for (let ms = 0; ms < 10_000; ms += 50) {
    touch();
    await vi.advanceTimersByTimeAsync(50);
  }
  await vi.advanceTimersByTimeAsync(1500);
  serve('Widget', 'Gadget');
  await vi.advanceTimersByTimeAsync(2000);
  expect(changed).toHaveBeenCalledOnce();
  const count = asked.length;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked.length - count).toBeLessThanOrEqual(3);
  stop();
});

test('a new definition is waited for with quick looks, though another one changes all the time', async () => {
  const { touch, serve, changed, definitionChanged, stop } = await followed();
  for (let ms = 0; ms < 10_000; ms += 50) {
    touch();
    await vi.advanceTimersByTimeAsync(50);
  }
  definitionChanged(other, { before: false, after: true });
  await vi.advanceTimersByTimeAsync(700);
  serve('Widget', 'Gadget');
  touch();
  await vi.advanceTimersByTimeAsync(160);
  expect(changed).toHaveBeenCalledOnce();
  for (let ms = 0; ms < 5000; ms += 50) {
    touch();
    await vi.advanceTimersByTimeAsync(50);
  }
  definitionChanged(other, { before: true, after: false });
  await vi.advanceTimersByTimeAsync(200);
  serve('Widget');
  await vi.advanceTimersByTimeAsync(160);
  expect(changed).toHaveBeenCalledTimes(2);
  stop();
});

test('of two definitions that came together the second may be served later', async () => {
  const { asked, serve, changed, definitionChanged, touch, stop } = await followed();
  touch();
  definitionChanged(other, { before: false, after: true });
  await vi.advanceTimersByTimeAsync(100);
  serve('Widget', 'Gadget');
  await vi.advanceTimersByTimeAsync(300);
  serve('Widget', 'Gadget', 'Gizmo');
  await vi.advanceTimersByTimeAsync(200);
  expect(changed).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked.length).toBeLessThanOrEqual(10);
  stop();
});

test('a server that does not answer is asked again a little later', async () => {
  const { asked, serve, setDown, changed, stop } = await followed();
  setDown(true);
  await vi.advanceTimersByTimeAsync(60_000);
  setDown(false);
  serve('Gadget');
  await vi.advanceTimersByTimeAsync(2000);
  expect(changed).toHaveBeenCalledOnce();
  expect(asked.length).toBeLessThanOrEqual(32);
  stop();
});
