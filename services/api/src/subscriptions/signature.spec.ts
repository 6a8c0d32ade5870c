import { createHmac } from 'node:crypto';
import { expect, it } from 'vitest';
import { signatureHeaders } from './signature.ts';

const signed = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', seconds: 1_614_265_330, body: '{"test": 2432232314}' };
const key = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

it('signs the example of the Standard Webhooks specification as its libraries do', () => {
  expect(signatureHeaders(signed, [key])).toMatchObject({
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

it('signs the timestamp and the body, as hexadecimal, for who checks with two lines of code', () => {
  const mac = (secret: string): string => createHmac('sha256', secret).update(`${signed.seconds}.${signed.body}`).digest('hex');
  expect(signatureHeaders(signed, ['new', 'old'])['plumbline-signature']).toBe(`t=1614265330,v1=${mac('new')},v1=${mac('old')}`);
});
