import { once } from 'node:events';
import type { EventEmitter } from 'node:events';

/** What is written to: a response of HTTP/1.1 or HTTP/2. */
export interface Outlet extends EventEmitter {
  readonly destroyed?: boolean;
  write(chunk: string | Uint8Array): boolean;
}

/** Writes, and waits until the client takes more. False: the client is gone, or took nothing for `patienceMs`. */
export async function patientWrite(outlet: Outlet, chunk: string | Uint8Array, signal: AbortSignal, patienceMs: number): Promise<boolean> {
  if (signal.aborted || outlet.destroyed === true) return false;
  if (outlet.write(chunk)) return true;
  try {
    await once(outlet, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
    return true;
  } catch {
    return false;
  }
}
