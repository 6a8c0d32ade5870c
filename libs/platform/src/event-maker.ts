import { createHash } from 'node:crypto';
import { currentSchemaVersion } from '@plumbline/contracts';
import type { NewEvent } from '@plumbline/contracts';
import type { EventReason, ServiceContext } from './service.ts';

/** Makes the facts of one service; see `ServiceContext.event`. */
export function makeEventMaker(service: string): ServiceContext['event'] {
  return <T extends string, D>(type: T, data: D, why: EventReason): NewEvent<T, D> => ({
    id: derivedUuid(service, type, why.cause),
    type,
    data,
    metadata: {
      actor: why.actor ?? `system:${service}`,
      ...(why.causation === undefined ? {} : { causation: why.causation }),
      ...(why.correlation === undefined ? {} : { correlation: why.correlation }),
      service,
      schemaVersion: currentSchemaVersion(type),
    },
  });
}

/** UUID version 8 (RFC 9562: bits of our own making): the first 122 free bits of SHA-256 over the length-marked parts. */
export function derivedUuid(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
