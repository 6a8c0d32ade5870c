/**
 * Questions, commands and announcements between processes, on NATS: request-reply with a deadline, at most 64 KiB each
 * way, validated where it arrives; and messages that may be lost.
 *
 * It never holds anything: whoever misses a message finds the fact in the feed. It never makes a process die or wait
 * because NATS is away. The in-memory bus is its twin; `@plumbline/bus/contract` is the suite that both pass.
 */
export * from './port.ts';
export { announcementKey, announceOn, makeAnnouncements } from './announcements.ts';
export type { AnnouncementOptions, Announcements } from './announcements.ts';
export { feedStreamName } from './feed-stream.ts';
export { makeMemoryBus, makeMemoryNetwork } from './memory-bus.ts';
export type { MemoryNetwork } from './memory-bus.ts';
export { makeNatsBus } from './nats-bus.ts';
export type { NatsBusOptions } from './nats-bus.ts';
