import { textAt } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { degraded, healthy, progressing, unknown, type Health } from './status.ts';

/** B156. */
export function persistentVolumeClaimHealth(claim: KubeObject): Health {
  switch (textAt(claim, 'status', 'phase')) {
    case 'Bound':
      return healthy();
    case 'Pending':
      return progressing('the claim is not bound to a volume yet');
    case 'Lost':
      return degraded('the volume of the claim is lost');
    default:
      return unknown();
  }
}
