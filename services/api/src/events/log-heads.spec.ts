import { randomBytes, randomUUID } from 'node:crypto';
import { logHeadsStream, makeLogSigner, makeMemoryDatabase, makeMemoryEventLog, verifyLog } from '@plumbline/event-log';
import { expect, it } from 'vitest';
import { signHead } from './log-heads.ts';

const signer = makeLogSigner(randomBytes(32));

function house() {
  let now = Date.parse('2026-05-01T10:20:00Z');
  const clock = (): number => now;
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: () => undefined, clock, newId: randomUUID });
  const metadata = { actor: 'system:api', service: 'api', schemaVersion: 1 };
  const ids = new Map<string, string>();
  const event = <T extends string, D>(type: T, data: D, { cause }: { cause: string }) => {
    const id = ids.get(cause) ?? randomUUID();
    ids.set(cause, id);
    return { id, type, data, metadata };
  };
  return {
    log,
    happen: () => log.append([{ stream: 'a-1', events: [{ id: randomUUID(), type: 'Happened', data: {}, metadata }] }]),
    sign: () => signHead({ eventLog: log, signer, event, clock }),
    pass: (minutes: number) => (now += minutes * 60_000),
  };
}

it('signs once an hour, whoever asks, and only when something happened', async () => {
  const { log, happen, sign, pass } = house();
  expect(await sign()).toBeUndefined();
  await happen();
  expect(await Promise.all([sign(), sign()])).toContainEqual(expect.objectContaining({ position: 1 }));
  await happen();
  // This hour's is said already.
  expect(await sign()).toMatchObject({ position: 1 });
  expect(await log.readStream(logHeadsStream)).toHaveLength(1);
  pass(60);
  expect(await sign()).toMatchObject({ position: 3 });
  pass(60);
  expect(await sign()).toBeUndefined();
  expect(await log.readStream(logHeadsStream)).toHaveLength(2);
  expect(await verifyLog(log, { publicKeys: [signer.publicKey] })).toMatchObject({ isIntact: true, signedHeads: 2 });
});
