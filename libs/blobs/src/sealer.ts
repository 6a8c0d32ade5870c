import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { Sealer } from './port.ts';

const prefix = 'plumbline.sealed.v1:';
const form = /^plumbline\.sealed\.v1:([0-9a-f]{16}):([A-Za-z0-9_-]+)$/;
const nonceBytes = 12;
const tagBytes = 16;

interface Keys {
  /** Names the key in what it sealed, and gives nothing of it away. */
  id: string;
  encryption: Buffer;
  nonce: Buffer;
  hash: Buffer;
}

/**
 * Text form: `plumbline.sealed.v1:<key id>:<base64url of nonce ‖ ciphertext ‖ tag>`.
 *
 * AES-256-GCM with the context as additional data. The nonce is the first 96 bits of HMAC-SHA-256 over context and
 * plaintext under a key of its own (the construction of SIV, RFC 5297): a nonce comes twice only for the same value.
 * Each use has its own sub-key (HKDF, RFC 5869).
 *
 * @param key 32 bytes, of the Secret `plumbline-key`: seals, and opens what it sealed
 * @param options previousKeys: keys that were replaced; they only open
 */
export function makeSealer(key: Buffer, options: { previousKeys?: readonly Buffer[] } = {}): Sealer {
  const current = deriveKeys(key);
  const byId = new Map([...(options.previousKeys ?? []).map(deriveKeys), current].map((keys) => [keys.id, keys]));
  return {
    seal(context, plaintext) {
      const bytes = Buffer.from(plaintext);
      const nonce = nonceOf(current, context, bytes);
      const cipher = createCipheriv('aes-256-gcm', current.encryption, nonce).setAAD(Buffer.from(context));
      const sealed = Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
      return `${prefix}${current.id}:${sealed.toString('base64url')}`;
    },
    open(context, sealed) {
      const [, id = '', body = ''] = form.exec(sealed) ?? [];
      if (id === '') throw cannotOpen(context, 'it is not a sealed value');
      const keys = byId.get(id);
      if (keys === undefined)
        throw cannotOpen(
          context,
          `it was sealed with the key ${id}, which is neither the current one nor a previous one: add that to the Secret plumbline-key`,
        );
      const bytes = Buffer.from(body, 'base64url');
      if (bytes.byteLength < nonceBytes + tagBytes) throw cannotOpen(context, 'it was cut short');
      try {
        const decipher = createDecipheriv('aes-256-gcm', keys.encryption, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
          .setAAD(Buffer.from(context))
          .setAuthTag(bytes.subarray(-tagBytes));
        return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]);
      } catch {
        // The cause says nothing more, and must not carry any of the value.
        throw cannotOpen(context, 'it was changed, or sealed for another context');
      }
    },
    isSealed: (value) => form.test(value),
    keyedHash: (value) => createHmac('sha256', current.hash).update(value).digest('hex'),
  };
}

function deriveKeys(key: Buffer): Keys {
  if (key.byteLength !== 32) throw new AppError('invalid-argument', `the sealing key has ${key.byteLength} bytes: give 32 random bytes`);
  const derive = (use: string, length: number): Buffer => Buffer.from(hkdfSync('sha256', key, '', `plumbline sealer v1: ${use}`, length));
  return { id: derive('key id', 8).toString('hex'), encryption: derive('encryption', 32), nonce: derive('nonce', 32), hash: derive('keyed hash', 32) };
}

function nonceOf({ nonce }: Keys, context: string, plaintext: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(Buffer.byteLength(context)));
  return createHmac('sha256', nonce).update(length).update(context).update(plaintext).digest().subarray(0, nonceBytes);
}

const cannotOpen = (context: string, why: string): AppError => new AppError('failed-precondition', `a sealed value for ${context} can't be opened: ${why}`);
