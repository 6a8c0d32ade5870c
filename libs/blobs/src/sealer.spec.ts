import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeSealer } from './sealer.ts';

const key = randomBytes(32);
const sealer = makeSealer(key);
const refusal = expect.objectContaining({ code: 'failed-precondition' }) as unknown;
const thrownBy = (work: () => unknown): unknown => {
  try {
    return { returned: work() };
  } catch (error) {
    return error;
  }
};

describe('sealer', () => {
  it('opens what it sealed, for the same context only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.uint8Array({ maxLength: 300 }), (context, other, plaintext) => {
        const sealed = sealer.seal(context, plaintext);
        expect(sealer.isSealed(sealed)).toBe(true);
        expect(sealer.open(context, sealed).equals(plaintext)).toBe(true);
        if (Buffer.from(context).equals(Buffer.from(other))) return;
        expect(thrownBy(() => sealer.open(other, sealed))).toEqual(refusal);
      }),
    );
  });

  it('seals equal values equally, and others differently, nonce included', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (context, one, other) => {
        expect(sealer.seal(context, one)).toBe(makeSealer(key).seal(context, one));
        const nonceOf = (sealed: string): string =>
          Buffer.from(sealed.split(':')[2] ?? '', 'base64url')
            .subarray(0, 12)
            .toString('hex');
        if (one !== other) expect(nonceOf(sealer.seal(context, one))).not.toBe(nonceOf(sealer.seal(context, other)));
        // Moving a character from context to value makes another pair.
        expect(nonceOf(sealer.seal(`${context}x`, one))).not.toBe(nonceOf(sealer.seal(context, `x${one}`)));
      }),
    );
  });

  it('notices every changed, cut or added byte', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.integer({ min: 1, max: 255 }), (plaintext, place, change) => {
        const [start, id, body = ''] = sealer.seal('context', plaintext).split(':');
        const bytes = Buffer.from(body, 'base64url');
        const open = (changed: Buffer) => () => sealer.open('context', `${start}:${id}:${changed.toString('base64url')}`);
        const flipped = Buffer.from(bytes);
        const index = place % bytes.byteLength;
        flipped[index] = (flipped[index] ?? 0) ^ change;
        expect(thrownBy(open(flipped))).toEqual(refusal);
        expect(thrownBy(open(bytes.subarray(0, index)))).toEqual(refusal);
        expect(thrownBy(open(Buffer.concat([bytes, Buffer.from([change])])))).toEqual(refusal);
      }),
    );
  });

  it('opens what a previous key sealed, and nothing of a key it was not given', () => {
    const old = makeSealer(randomBytes(32));
    const oldKey = randomBytes(32);
    const rotated = makeSealer(key, { previousKeys: [oldKey] });
    expect(rotated.open('c', makeSealer(oldKey).seal('c', 'kept')).toString()).toBe('kept');
    expect(rotated.seal('c', 'new')).toBe(sealer.seal('c', 'new'));
    expect(thrownBy(() => rotated.open('c', old.seal('c', 'foreign')))).toEqual(refusal);
  });

  it('never shows the value: not in the text, not in an error', () => {
    const sealed = sealer.seal('c', 'canary-7f3a');
    expect(sealed).toMatch(/^plumbline\.sealed\.v1:[0-9a-f]{16}:[A-Za-z0-9_-]+$/);
    expect(Buffer.from(sealed.split(':')[2] ?? '', 'base64url').includes('canary')).toBe(false);
    const error = thrownBy(() => sealer.open('other', sealed)) as Error;
    expect(`${error.message} ${error.stack} ${String(error.cause)}`).not.toContain('canary');
  });

  it('tells a sealed value from any other', () => {
    for (const text of ['', 'plumbline.sealed.v1:', 'plumbline.sealed.v1:zz:abc', 'cGFzc3dvcmQ=', `x${sealer.seal('c', 'v')}`]) {
      expect(sealer.isSealed(text)).toBe(false);
      expect(thrownBy(() => sealer.open('c', text))).toEqual(refusal);
    }
  });

  it('hashes by key', () => {
    expect(sealer.keyedHash('v')).toBe(makeSealer(key).keyedHash(Buffer.from('v')));
    expect(sealer.keyedHash('v')).toMatch(/^[0-9a-f]{64}$/);
    expect(sealer.keyedHash('v')).not.toBe(sealer.keyedHash('w'));
    expect(sealer.keyedHash('v')).not.toBe(makeSealer(randomBytes(32)).keyedHash('v'));
  });

  it('wants 32 bytes of key', () => {
    expect(thrownBy(() => makeSealer(randomBytes(16)))).toEqual(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
