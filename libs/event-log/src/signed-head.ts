import { createHash, createPrivateKey, createPublicKey, hkdfSync, sign, verify, type KeyObject } from 'node:crypto';
import { AppError, type LogEvent } from '@plumbline/contracts';

/** Where the signed heads are. */
export const logHeadsStream = 'log-heads';

/** Data of `LogHeadSigned`: who holds the public key can tell that the log up to there is the one that was signed. */
export type SignedHead = LogEvent['data'];

/** Signs with a key that only this platform has. */
export interface LogSigner {
  publicKey: LogPublicKey;
  signHead(head: Omit<SignedHead, 'keyId' | 'signature'>): SignedHead;
  /** Ed25519 over the bytes, base64. */
  sign(bytes: Buffer): string;
}

export interface LogPublicKey {
  /** First 16 hex digits of SHA-256 of the key's 32 bytes. */
  id: string;
  /** `ed25519:<base64 of 32 bytes>` */
  text: string;
  isSignedBy(bytes: Buffer, signature: string): boolean;
}

// RFC 8410: what stands before the 32 bytes in PKCS #8 and SPKI.
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Ed25519 (RFC 8032); its seed is derived from the platform's key (HKDF, RFC 5869), so that all replicas sign alike and
 * nothing more has to be kept secret.
 *
 * @param key 32 bytes, of `PLUMBLINE_KEY`
 */
export function makeLogSigner(key: Buffer): LogSigner {
  if (key.byteLength !== 32) throw new AppError('invalid-argument', `the platform key has ${key.byteLength} bytes: give 32 random bytes`);
  const seed = Buffer.from(hkdfSync('sha256', key, '', 'plumbline log v1: signing', 32));
  const privateKey = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = publicKeyOf(createPublicKey(privateKey));
  const signBytes = (bytes: Buffer): string => sign(null, bytes, privateKey).toString('base64');
  return {
    publicKey,
    sign: signBytes,
    signHead: (head) => ({ ...head, keyId: publicKey.id, signature: signBytes(headBytes(head)) }),
  };
}

/** @throws AppError `invalid-argument` when the text is no public key as `plumb log key` prints it. */
export function parseLogPublicKey(text: string): LogPublicKey {
  const bytes = Buffer.from(/^ed25519:([A-Za-z0-9+/]{43}=)$/.exec(text.trim())?.[1] ?? '', 'base64');
  if (bytes.byteLength !== 32)
    throw new AppError('invalid-argument', 'the public key is not of the form ed25519:<base64 of 32 bytes>: take what `plumb log key` prints');
  return publicKeyOf(createPublicKey({ key: Buffer.concat([publicPrefix, bytes]), format: 'der', type: 'spki' }));
}

/** True when this head was signed with this key. */
export const isSignedHead = (head: SignedHead, key: LogPublicKey): boolean => head.keyId === key.id && key.isSignedBy(headBytes(head), head.signature);

function publicKeyOf(key: KeyObject): LogPublicKey {
  const bytes = key.export({ format: 'der', type: 'spki' }).subarray(publicPrefix.byteLength);
  return {
    id: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    text: `ed25519:${bytes.toString('base64')}`,
    isSignedBy: (signed, signature) => verify(null, signed, key, Buffer.from(signature, 'base64')),
  };
}

/** Four lines without a line break at the end; none of them can hold one. */
const headBytes = ({ generation, position, hash }: Pick<SignedHead, 'generation' | 'position' | 'hash'>): Buffer =>
  Buffer.from(['plumbline log head v1', generation, position, hash].join('\n'));
