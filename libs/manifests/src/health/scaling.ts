import { annotationOf } from '../annotations.ts';
import type { KubeObject } from '../object.ts';
import { asCondition, conditionsOf, degraded, healthy, progressing, unknown, type Condition, type Health } from './status.ts';

const failures: ReadonlySet<string> = new Set([
  'AbleToScale FailedGetScale',
  'AbleToScale FailedUpdateScale',
  'ScalingActive FailedGetResourceMetric',
  'ScalingActive FailedGetObjectMetric',
  'ScalingActive FailedGetPodsMetric',
  'ScalingActive FailedGetExternalMetric',
  'ScalingActive FailedComputeMetricsReplicas',
  'ScalingActive InvalidSelector',
]);

/** B157. The first condition that says something decides. */
export function horizontalPodAutoscalerHealth(autoscaler: KubeObject): Health {
  const conditions = autoscaler.apiVersion === 'autoscaling/v1' ? annotatedConditions(autoscaler) : conditionsOf(autoscaler);
  if (conditions === undefined) return unknown('its conditions annotation is not JSON');
  for (const { type, reason, status, message } of conditions) {
    if (failures.has(`${type} ${reason}`)) return degraded(message);
    if ((type === 'AbleToScale' || type === 'ScalingLimited') && status === 'True') return healthy(message);
  }
  return progressing('the autoscaler has not reported yet');
}

/** autoscaling/v1 has no conditions: the server writes those of v2 into an annotation. Undefined when it is not JSON. */
function annotatedConditions(autoscaler: KubeObject): Condition[] | undefined {
  try {
    const parsed: unknown = JSON.parse(annotationOf(autoscaler, 'autoscaling.alpha.kubernetes.io/conditions') ?? '[]');
    return Array.isArray(parsed) ? parsed.map(asCondition) : undefined;
  } catch {
    return undefined;
  }
}

/** Fewer pods than the budget asks for is a state that people choose: only a budget that can't be computed is Degraded. */
export function podDisruptionBudgetHealth(budget: KubeObject): Health {
  const conditions = conditionsOf(budget);
  if (conditions.length === 0) return progressing('the budget has no status yet');
  const broken = conditions.find(({ status, reason }) => status === 'False' && reason !== 'InsufficientPods');
  return broken === undefined ? healthy() : degraded(broken.message || broken.reason);
}
