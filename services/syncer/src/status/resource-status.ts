import type { Application, ApplicationStatus } from '@plumbline/contracts';
import { shownStatus } from '@plumbline/contracts';
import { limits } from '../limits.ts';
import { fitted } from './fitted-status.ts';

/**
 * The status as the resource holds it. Times lose their fractions (metav1.Time has none); the source that was compared
 * is the resource's own, where the log only has a redacted one. What would make the object too big for the API server is
 * cut, and a condition says so: the log and the API have all of it.
 */
export function resourceStatus(status: ApplicationStatus, application: Application, controlNamespace: string): Record<string, unknown> {
  const shown = shownStatus(status);
  const { source, sources } = application.spec;
  const comparedTo =
    shown.sync.comparedTo === undefined
      ? {}
      : { comparedTo: { ...shown.sync.comparedTo, ...(source === undefined ? {} : { source }), ...(sources === undefined ? {} : { sources }) } };
  const full = withoutFractions({ ...shown, sync: { ...shown.sync, ...comparedTo }, controllerNamespace: controlNamespace }) as ReturnType<typeof shownStatus>;
  const fits = fitted(full, roomFor(application), { application: application.metadata.name, conditions: conditionsOf(application) });
  const { conditions, resources, history, ...rest } = fits;
  return {
    ...rest,
    conditions: conditions.length === 0 ? undefined : conditions,
    resources: resources.length === 0 ? undefined : resources,
    history: history.length === 0 ? undefined : history,
  };
}

/** What the API server takes, less what others put into the object. */
function roomFor(application: Application): number {
  const { status: _, ...others } = application;
  return Math.min(limits.statusBytesMax, limits.applicationBytesMax - Buffer.byteLength(JSON.stringify(others)));
}

const conditionsOf = ({ status }: Application): ApplicationStatus['conditions'] => {
  const shown = status?.['conditions'];
  return Array.isArray(shown) ? (shown as ApplicationStatus['conditions']) : [];
};

function withoutFractions(value: unknown): unknown {
  if (typeof value === 'string') return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/.test(value) ? value.replace(/\.\d+Z$/, 'Z') : value;
  if (Array.isArray(value)) return value.map(withoutFractions);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutFractions(member)]));
}
