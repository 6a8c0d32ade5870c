import { expect, it } from 'vitest';
import { signatureHeaders } from './signature.ts';

const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1_614_265_330, body: '{"test": 2432232314}' };
const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

it('signs the example of the Standard Webhooks specification as its libraries do', () => {
  expect(signatureHeaders(signed, [key])).toEqual({
    'webhook-id': signed.id,
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('signs by both keys while one replaces the other', () => {
  const one = signatureHeaders(signed, [key])['webhook-signature'];
  const other = signatureHeaders(signed, ['plain'])['webhook-signature'];
  expect(other).not.toBe(one);
  expect(signatureHeaders(signed, ['plain', key])['webhook-signature']).toBe(`${other} ${one}`);
});
