/**
 * Kubernetes objects as plain data: what an application wants, made from what was rendered (`prepare`), in which order
 * (`planSteps`), what the annotations of an object ask for (hooks, waves, sync options, tracking), how healthy a live
 * object is (`health`), and what of it we own (`valuesAt`, `differingPaths`).
 *
 * Everything here is a pure function of its arguments: no I/O, no clock, no Node. It never talks to a cluster, never
 * decides whether to sync and never changes an object that it was given: functions answer copies.
 */
export * from './object.ts';
export * from './annotations.ts';
export * from './hooks.ts';
export * from './custom-resource-definition.ts';
export * from './prepare.ts';
export * from './manifest-set.ts';
export * from './tracking.ts';
export * from './order.ts';
export * from './sync-options.ts';
export * from './summary.ts';
export * from './json-pointer.ts';
export * from './fields-v1.ts';
export * from './restrict.ts';
export * from './ignore/rules.ts';
export * from './ignore/places.ts';
export * from './ignore/controller-owned.ts';
export * from './ignore/owners.ts';
export * from './health/health.ts';
