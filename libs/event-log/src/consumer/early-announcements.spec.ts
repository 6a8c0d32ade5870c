import type { Announcement } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { earlyAnnouncementsMax } from '../limits.ts';
import { EarlyAnnouncements } from './early-announcements.ts';

const announcement = (from: number, to = from): Announcement => ({ generation: 'g', from, to, events: [] });

function setUp() {
  const offered: number[] = [];
  const state = { known: 10 as number | undefined, missed: 0 };
  let due: (() => void) | undefined;
  const early = new EarlyAnnouncements({
    timer: (_delayMs, run) => {
      due = run;
      return () => (due = undefined);
    },
    knownTo: () => state.known,
    offer: ({ from, to }) => {
      offered.push(from);
      state.known = Math.max(state.known ?? 0, to);
    },
    missed: () => state.missed++,
  });
  return { early, offered, state, isWaiting: () => due !== undefined, elapse: () => due?.() };
}

it('keeps what comes too soon until what is before it is known, then offers it in order', () => {
  const { early, offered, state, isWaiting } = setUp();
  expect(early.keep(announcement(14, 15))).toBe(true);
  expect(early.keep(announcement(12, 13))).toBe(true);
  expect(early.keep(announcement(11))).toBe(false);
  state.known = 11;
  early.settle();
  expect(offered).toEqual([12, 14]);
  expect(isWaiting()).toBe(false);
  expect(state.missed).toBe(0);
});

it('waits on while a gap is left, and reads the feed when it stays', () => {
  const { early, offered, state, isWaiting, elapse } = setUp();
  early.keep(announcement(12));
  early.keep(announcement(14));
  state.known = 11;
  early.settle();
  expect(offered).toEqual([12]);
  expect(isWaiting()).toBe(true);
  elapse();
  expect(state.missed).toBe(1);
  expect(isWaiting()).toBe(false);
  // What the feed brought is not offered again.
  state.known = 20;
  early.settle();
  expect(offered).toEqual([12]);
});

it('keeps a bounded number, and nothing for those who take nothing', () => {
  const { early, state } = setUp();
  for (let n = 0; n <= earlyAnnouncementsMax; n++) early.keep(announcement(100 + 2 * n));
  expect(state.missed).toBe(1);
  state.known = undefined;
  expect(early.keep(announcement(1_000))).toBe(false);
});

it('drops what came by another way meanwhile', () => {
  const { early, offered, state, isWaiting } = setUp();
  early.keep(announcement(12, 13));
  state.known = 13;
  early.settle();
  expect(offered).toEqual([12]);
  early.keep(announcement(16));
  state.known = undefined;
  early.settle();
  expect(isWaiting()).toBe(false);
});
