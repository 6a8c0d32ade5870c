import type { KubeObject } from '../object.ts';
import { recordsAt, textAt } from '../json.ts';

export type HealthStatus = 'Healthy' | 'Suspended' | 'Progressing' | 'Missing' | 'Degraded' | 'Unknown';

export interface Health {
  status: HealthStatus;
  message?: string;
}

/** Best first (B150). */
const order: readonly HealthStatus[] = ['Healthy', 'Suspended', 'Progressing', 'Missing', 'Degraded', 'Unknown'];

export const isWorse = (a: HealthStatus, b: HealthStatus): boolean => order.indexOf(a) > order.indexOf(b);

/** Healthy when there is none. */
export const worstHealth = (statuses: readonly HealthStatus[]): HealthStatus =>
  statuses.reduce((worst, status) => (isWorse(status, worst) ? status : worst), 'Healthy');

export type HealthCheck = (object: KubeObject) => Health;

export const healthy = (message?: string): Health => withMessage('Healthy', message);
export const progressing = (message?: string): Health => withMessage('Progressing', message);
export const degraded = (message?: string): Health => withMessage('Degraded', message);
export const suspended = (message?: string): Health => withMessage('Suspended', message);
export const unknown = (message?: string): Health => withMessage('Unknown', message);

const withMessage = (status: HealthStatus, message: string | undefined): Health => (message === undefined || message === '' ? { status } : { status, message });

export interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

/** `status.conditions`, as every kind of Kubernetes writes them. */
export const conditionsOf = (object: unknown): Condition[] => recordsAt(object, 'status', 'conditions').map(asCondition);

export const conditionOf = (object: unknown, type: string): Condition | undefined => conditionsOf(object).find((condition) => condition.type === type);

export function asCondition(value: unknown): Condition {
  const text = (field: string): string => textAt(value, field) ?? '';
  return { type: text('type'), status: text('status'), reason: text('reason'), message: text('message') };
}
