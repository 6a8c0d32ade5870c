/**
 * What runs on a developer's machine and in CI: `npm start` and its companions (the supervisor of the platform and of
 * what it needs), `npm run check` with the boundaries of the house, and `npm test`. Nothing here is part of the product:
 * no service imports it, and it knows the services only as processes with an environment and a health address.
 * The fault suite starts the same processes by what is exported here.
 */
export { buildEngine, buildServices } from './platform/build.ts';
export { controlNamespace, prepareControlCluster, readInitialPassword } from './platform/control-cluster.ts';
export { checkoutRoot, pathsOf, platformVersion } from './platform/paths.ts';
export { freePorts } from './platform/ports.ts';
export type { ServiceCommand } from './platform/service-process.ts';
export { serviceCommands, serviceNames, urlOf, type ServiceName, type ServiceSettings } from './platform/services.ts';
