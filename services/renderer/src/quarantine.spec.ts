import { expect, test } from 'vitest';
import { limits } from './limits.ts';
import { makeQuarantine } from './quarantine.ts';

test('an input that killed three engines is refused for a while', () => {
  let now = 0;
  const quarantine = makeQuarantine(() => now);
  for (let i = 0; i < limits.deathsMax; i++) {
    quarantine.check('bad');
    quarantine.countDeath('bad');
  }
  expect(() => quarantine.check('bad')).toThrow('died 3 times');
  quarantine.check('other');
  now = limits.quarantineMs;
  quarantine.check('bad');
});
