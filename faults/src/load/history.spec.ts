import { expect, it } from 'vitest';
import { History } from './history.ts';

// Edits that were taken for a fight made self-healing back off for up to a minute, which looked like a slow recovery.
it('leaves an application alone after four edits, until there was a quiet time', () => {
  const history = new History();
  const seconds = [0, 50, 100, 150, 200, 210, 230, 305, 306];
  expect(seconds.map((second) => history.mayEdit('app-0', second * 1_000))).toEqual([true, true, true, true, false, false, true, true, true]);
  expect(history.mayEdit('app-1', 0)).toBe(true);
});
