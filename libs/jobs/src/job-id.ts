import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';

/** BullMQ forbids ':' in ids and takes bare numbers for its own; keys are resource names, URLs, anything. */
export function jobIdOf(key: string): string {
  if (key === '' || Buffer.byteLength(key) > limits.keyBytesMax) {
    throw new AppError('invalid-argument', `a job key has 1 to ${limits.keyBytesMax} bytes, this one has ${Buffer.byteLength(key)}`);
  }
  return `k-${encodeURIComponent(key.toWellFormed())}`;
}

export const keyOf = (jobId: string): string => decodeURIComponent(jobId.slice('k-'.length));
