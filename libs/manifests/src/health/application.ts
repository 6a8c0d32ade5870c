import { canonicalJson } from '@plumbline/contracts';
import { isRecord, textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { degraded, healthy, progressing, suspended, unknown, type Health } from './status.ts';

/**
 * An Application that another one makes. Argo CD has no check for it since 1.8, so that waves of an app of apps don't
 * wait. What its status says counts once it is about the present spec and no sync is under way.
 */
export function childApplicationHealth(application: KubeObject): Health {
  if (!isRecord(application['status'])) return progressing('it has not been reconciled yet');
  if (!isAboutPresentSpec(application)) return progressing('its status is not about its present spec yet');
  const phase = textAt(application, 'status', 'operationState', 'phase');
  if (phase === 'Running' || phase === 'Terminating') return progressing('a sync is under way');
  if (isAutomated(application) && textAt(application, 'status', 'sync', 'status') === 'OutOfSync' && phase === 'Succeeded') {
    return progressing('it is out of sync');
  }
  const message = textAt(application, 'status', 'health', 'message');
  switch (textAt(application, 'status', 'health', 'status')) {
    case 'Healthy':
      return healthy();
    case 'Degraded':
      return degraded(message);
    case 'Suspended':
      return suspended(message);
    case 'Progressing':
    case 'Missing':
      return progressing(message ?? 'its resources are not there yet');
    default:
      return unknown(message ?? 'its health is unknown');
  }
}

function isAboutPresentSpec(application: KubeObject): boolean {
  const spec = application['spec'];
  const compared = ((application['status'] as Record<string, unknown>)['sync'] as { comparedTo?: unknown } | undefined)?.comparedTo;
  if (!isRecord(spec) || !isRecord(compared)) return false;
  return ['source', 'sources', 'destination'].every((field) => canonicalJson(spec[field] ?? null) === canonicalJson(compared[field] ?? null));
}

function isAutomated(application: KubeObject): boolean {
  const policy = (application['spec'] as { syncPolicy?: { automated?: { enabled?: boolean } | null } }).syncPolicy;
  return policy?.automated != null && policy.automated.enabled !== false;
}
