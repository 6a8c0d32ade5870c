import { expect, it } from 'vitest';
import { Random } from '../random.ts';
import { Agenda } from './agenda.ts';

async function orderOf(seed: number): Promise<string[]> {
  const order: string[] = [];
  const agenda = new Agenda(0, new Random(seed), () => undefined);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) agenda.in(name === 'f' ? 5 : 10, name, () => void order.push(`${name}@${agenda.nowMs}`));
  agenda.cancel(agenda.in(1, 'never', () => void order.push('cancelled')));
  agenda.in(20, 'too late', () => void order.push('too late'));
  await agenda.until(15);
  return order;
}

it('keeps appointments in time, what is due together in an order of the seed, and none that was cancelled', async () => {
  const order = await orderOf(1);
  expect(order[0]).toBe('f@5');
  expect(order.slice(1).toSorted()).toEqual(['a@10', 'b@10', 'c@10', 'd@10', 'e@10']);
  expect(await orderOf(1)).toEqual(order);
  const orders = new Set(await Promise.all([1, 2, 3, 4, 5].map(async (seed) => (await orderOf(seed)).join())));
  expect(orders.size).toBeGreaterThan(1);
});

it('lets what one appointment started come to rest before the next', async () => {
  const order: string[] = [];
  const agenda = new Agenda(0, new Random(1), () => undefined);
  agenda.in(1, 'first', () => {
    void Promise.resolve()
      .then(() => Promise.resolve())
      .then(() => order.push('rest of the first'));
  });
  agenda.in(2, 'second', () => void order.push('second'));
  await agenda.until(3);
  expect(order).toEqual(['rest of the first', 'second']);
});
