import type { Application, ApplicationStatus } from '@plumbline/contracts';
import { limits } from '../limits.ts';

/**
 * The status as the resource holds it. Times lose their fractions (metav1.Time has none); the source that was compared
 * is the resource's own, where the log only has a redacted one. What would make the object too big for the API server is
 * cut, longest first: the log has all of it.
 */
export function resourceStatus(status: ApplicationStatus, application: Application, controlNamespace: string): Record<string, unknown> {
  const { historyLimit: _, ...shown } = status;
  const { source, sources } = application.spec;
  const comparedTo =
    shown.sync.comparedTo === undefined
      ? {}
      : { comparedTo: { ...shown.sync.comparedTo, ...(source === undefined ? {} : { source }), ...(sources === undefined ? {} : { sources }) } };
  const full: Record<string, unknown> = {
    ...shown,
    sync: { ...shown.sync, ...comparedTo },
    controllerNamespace: controlNamespace,
    ...(shown.conditions.length === 0 ? { conditions: undefined } : {}),
    ...(shown.resources.length === 0 ? { resources: undefined } : {}),
    ...(shown.history.length === 0 ? { history: undefined } : {}),
  };
  return withoutFractions(fitted(full)) as Record<string, unknown>;
}

function fitted(status: Record<string, unknown>): Record<string, unknown> {
  if (JSON.stringify(status).length <= limits.statusBytesMax) return status;
  const operationState = status['operationState'] as { syncResult?: object } | undefined;
  const short = {
    ...status,
    ...(operationState === undefined ? {} : { operationState: { ...operationState, syncResult: { ...operationState.syncResult, resources: [] } } }),
  };
  return JSON.stringify(short).length <= limits.statusBytesMax ? short : { ...short, resources: [] };
}

function withoutFractions(value: unknown): unknown {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/.test(value) ? value.replace(/\.\d+Z$/, 'Z') : value;
  if (Array.isArray(value)) return value.map(withoutFractions);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutFractions(member)]));
}
