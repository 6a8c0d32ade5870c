import { AppError } from '@plumbline/contracts';
import type { Caller } from './authentication.ts';

const callers = new WeakMap<object, Caller>();

/** Remembers who makes this request; done once, before its body is read. */
export function rememberCaller(request: object, caller: Caller): void {
  callers.set(request, caller);
}

/** Who makes this request. A route that forgot to be guarded has no caller, and so no rights. */
export function callerOf(request: object): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new AppError('unauthenticated', 'no session information');
  return caller;
}

export function demand(caller: Caller, resource: string, action: string, object: string): void {
  if (!caller.rights.may(resource, action, object)) throw permissionDenied();
}

/** Argo CD's words, the same for what is forbidden and what isn't there. */
export const permissionDenied = (): AppError => new AppError('permission-denied', 'permission denied');
