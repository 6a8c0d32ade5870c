import { recordsAt, textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { healthy, progressing, type Health } from './status.ts';

const hasAddress = (object: KubeObject): boolean => recordsAt(object, 'status', 'loadBalancer', 'ingress').length > 0;

/** B156: only a Service of type LoadBalancer has anything to wait for. */
export function serviceHealth(service: KubeObject): Health {
  if (textAt(service, 'spec', 'type') !== 'LoadBalancer' || hasAddress(service)) return healthy();
  return progressing('the load balancer has no address yet');
}

/** B156. */
export const ingressHealth = (ingress: KubeObject): Health =>
  hasAddress(ingress) ? healthy() : progressing('no load balancer has given the Ingress an address yet');
