/** Contract suites of the event log, for its adapters and twins. Imports vitest: never imported by production code. */
export { describeEventLog, type LogUnderTest } from './contract/describe-event-log.ts';
