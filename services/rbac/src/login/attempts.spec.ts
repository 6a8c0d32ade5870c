import { describe, expect, it } from 'vitest';
import { networkOf } from './attempts.ts';

describe('the source of a log-in', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s is %s', (address, network) => expect(networkOf(address)).toBe(network));

  it('is short, whatever is said', () => expect(networkOf('x'.repeat(1000)).length).toBeLessThanOrEqual(64));
});
