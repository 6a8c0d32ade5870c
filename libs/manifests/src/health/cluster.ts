import { textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { conditionOf, degraded, healthy, progressing, type Health } from './status.ts';

/** B157. */
export function apiServiceHealth(apiService: KubeObject): Health {
  const available = conditionOf(apiService, 'Available');
  return available?.status === 'True' ? healthy(available.message) : progressing(available?.message || 'the aggregated API is not available yet');
}

/** A definition that is not established serves nothing; what is wrong is in the first of its bad conditions. */
export function customResourceDefinitionHealth(definition: KubeObject): Health {
  const terminating = conditionOf(definition, 'Terminating');
  if (terminating?.status === 'True') return progressing(terminating.message);
  const names = conditionOf(definition, 'NamesAccepted');
  if (names?.status === 'False') return degraded(names.message || 'the names of the kind are taken');
  const established = conditionOf(definition, 'Established');
  if (established?.status !== 'True') return progressing(established?.message || 'the kind is not served yet');
  const unstructured = conditionOf(definition, 'NonStructuralSchema');
  return unstructured?.status === 'True' ? degraded(unstructured.message) : healthy();
}

export const namespaceHealth = (namespace: KubeObject): Health =>
  textAt(namespace, 'status', 'phase') === 'Terminating' ? progressing('the Namespace is being deleted') : healthy();
