/**
 * What crosses a process: events, requests, the resources users write, error codes, and the ports that adapters speak
 * to. It depends on nothing of ours, does no I/O and holds no state. A name that appears here is part of an interface:
 * adding is cheap, changing means an upcaster or a new version.
 */
export * from './app-error.ts';
export * from './ports.ts';
export * from './canonical-json.ts';
export * from './event.ts';
export * from './application.ts';
export * from './app-project.ts';
export * from './events/application.ts';
export * from './events/platform.ts';
export * from './event-types.ts';
export * from './upcast.ts';
export * from './requests.ts';
export * from './manifest-set.ts';
export * from './application-status.ts';
export * from './compared-resources.ts';
