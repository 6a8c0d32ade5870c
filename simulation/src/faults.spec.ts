import { AppError } from '@plumbline/contracts';
import { expect, it } from 'vitest';
import { Faults, noFaults, type FaultRates } from './faults.ts';
import { Random } from './random.ts';
import { Agenda } from './time/agenda.ts';
import { Process } from './time/process.ts';

async function callWith(rates: Partial<FaultRates>, seed: number): Promise<{ effects: number; outcome: string; isAlive: boolean }> {
  const agenda = new Agenda(0, new Random(seed), () => undefined);
  const process = new Process('service-0', 1);
  const faults = new Faults({ agenda, random: new Random(seed), rates: { ...noFaults, ...rates }, crash: (dead) => dead.kill() });
  faults.isActive = true;
  let effects = 0;
  let outcome = 'never';
  const away = (): AppError => new AppError('unavailable', 'away');
  process
    .run(() => faults.call('kube', 'apply', away, () => ++effects))
    .then(
      () => (outcome = 'answered'),
      () => (outcome = 'failed'),
    );
  await agenda.until(10_000);
  return { effects, outcome, isAlive: process.isAlive };
}

it('a crash before has no effect, one after has; neither is ever answered', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { effects, outcome, isAlive } = await callWith({ crash: 0.4 }, seed);
    expect(outcome === 'answered').toBe(isAlive);
    expect(outcome).not.toBe('failed');
    seen.add(`${effects} ${outcome}`);
  }
  expect(seen).toEqual(new Set(['0 never', '1 never', '1 answered']));
});

it('an error may come before the effect and after it', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const { effects, outcome } = await callWith({ error: 0.4 }, seed);
    seen.add(`${effects} ${outcome}`);
  }
  expect(seen).toEqual(new Set(['0 failed', '1 failed', '1 answered']));
});
