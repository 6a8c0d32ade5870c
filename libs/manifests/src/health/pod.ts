import { annotation, annotationOf } from '../annotations.ts';
import { classify } from '../hooks.ts';
import { at, isRecord, numberAt, recordsAt, textAt, type JsonRecord } from '../json.ts';
import type { KubeObject } from '../object.ts';
import { conditionOf, degraded, healthy, progressing, unknown, type Health } from './status.ts';

/** B155. A pod that may end (`OnFailure`, `Never`) is never Healthy while it runs: it is waited for, as a hook is. */
export function podHealth(pod: KubeObject): Health {
  const runsForever = textAt(pod, 'spec', 'restartPolicy') === 'Always';
  if (runsForever || ignoresRestartPolicy(pod)) {
    const failing = containers(pod).filter((container) => isFailureToStart(textAt(container, 'state', 'waiting', 'reason') ?? ''));
    if (failing.length > 0) return degraded(failing.map(waitingMessage).join(', '));
  }
  const message = textAt(pod, 'status', 'message');
  switch (textAt(pod, 'status', 'phase')) {
    case 'Pending':
      return progressing(message);
    case 'Succeeded':
      return healthy(message);
    case 'Failed':
      return degraded(message || failureMessage(pod));
    case 'Running':
      if (!runsForever) return progressing(message);
      if (conditionOf(pod, 'Ready')?.status === 'True') return healthy(message);
      return containers(pod).some((container) => isRecord(at(container, 'lastState', 'terminated'))) ? degraded(message) : progressing(message);
    default:
      return unknown(message);
  }
}

function ignoresRestartPolicy(pod: KubeObject): boolean {
  return annotationOf(pod, annotation.ignoreRestartPolicy) === 'true' && classify(pod).type !== 'hook';
}

const containers = (pod: KubeObject): JsonRecord[] => recordsAt(pod, 'status', 'containerStatuses');

/** ErrImagePull, ImagePullBackOff, CrashLoopBackOff, CreateContainerConfigError … */
const isFailureToStart = (reason: string): boolean => reason.startsWith('Err') || reason.endsWith('Error') || reason.endsWith('BackOff');

const waitingMessage = (container: JsonRecord): string =>
  textAt(container, 'state', 'waiting', 'message') ||
  `container ${textAt(container, 'name') ?? ''} waits: ${textAt(container, 'state', 'waiting', 'reason') ?? ''}`;

function failureMessage(pod: KubeObject): string | undefined {
  for (const container of [...recordsAt(pod, 'status', 'initContainerStatuses'), ...containers(pod)]) {
    const message = textAt(container, 'state', 'terminated', 'message');
    if (message !== undefined && message !== '') return message;
    const reason = textAt(container, 'state', 'terminated', 'reason');
    if (reason === 'OOMKilled') return reason;
    const exitCode = numberAt(container, 'state', 'terminated', 'exitCode') ?? 0;
    if (exitCode !== 0) return `container ${textAt(container, 'name') ?? ''} ended with exit code ${exitCode}`;
  }
  return undefined;
}
