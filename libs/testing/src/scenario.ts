/** Stories over a running platform's public surfaces; see `Scenario`. */
export { Scenario } from './scenario/scenario.ts';
export type { ApiEvent, ScenarioOptions } from './scenario/scenario.ts';
export { PlatformClient } from './scenario/platform-client.ts';
export type { ApiAnswer, PlatformAddress } from './scenario/platform-client.ts';
export { consistently, eventually } from './scenario/eventually.ts';
