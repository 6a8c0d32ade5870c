import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { appendOneBy, newEvent } from '../contract/sample-events.ts';
import { makeMemoryDatabase } from '../memory/memory-database.ts';
import { makeMemoryEventLog } from '../memory/memory-event-log.ts';
import { makeLogSigner } from '../signed-head.ts';
import { archiveLines, checkArchive } from './archive.ts';

const signer = makeLogSigner(randomBytes(32));

async function archived(): Promise<string[]> {
  const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: () => undefined, clock: Date.now, newId: randomUUID });
  await appendOneBy(log, ['a-1', 'b-1']);
  await log.append([{ stream: 'c-1', events: [newEvent('Said', { text: 'né\n"\u0000\ud800🚀' })] }]);
  await appendOneBy(log, ['a-1', 'b-1']);
  return all(archiveLines(log, { first: 2, last: 4 }, signer));
}

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const line of lines) list.push(line);
  return list;
}

async function* from(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

const check = (lines: readonly string[], key = signer.publicKey): Promise<unknown> => checkArchive(from(lines), key);

describe('an archive', () => {
  it('is checked from its own lines alone', async () => {
    const lines = await archived();
    expect(lines).toHaveLength(5);
    expect(await check(lines)).toMatchObject({ first: 2, last: 4 });
  });

  const changes: Readonly<Record<string, (lines: string[]) => string[]>> = {
    'has a changed event': (lines) => lines.map((line) => line.replace('Said', 'Sang')),
    'lacks an event': (lines) => lines.toSpliced(2, 1),
    'has its events in another order': ([header = '', one = '', two = '', ...rest]) => [header, two, one, ...rest],
    'was cut short': (lines) => lines.slice(0, -1),
    'is empty': () => [],
    'goes on after its signature': (lines) => [...lines, lines[1] ?? ''],
    'has another header': ([header = '', ...rest]) => [header.replace(/"generation":"[^"]+"/, `"generation":"${randomUUID()}"`), ...rest],
    'begins at another hash': ([header = '', ...rest]) => [header.replace(/(?<="hashBefore":").{2}/, (byte) => (byte === '00' ? '01' : '00')), ...rest],
    'is no archive': () => ['hello'],
    'has another signature': (lines) => [...lines.slice(0, -1), JSON.stringify({ keyId: signer.publicKey.id, signature: Buffer.alloc(64).toString('base64') })],
  };
  it.each(Object.keys(changes))('that %s is refused', async (name) => {
    const lines = await archived();
    const changed = changes[name]?.(lines) ?? lines;
    expect(changed).not.toEqual(lines);
    await expect(check(changed)).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('of another platform is refused', async () => {
    await expect(check(await archived(), makeLogSigner(randomBytes(32)).publicKey)).rejects.toThrow(/signed with the key/);
  });

  it('holds only what the log has', async () => {
    const log = makeMemoryEventLog({ database: makeMemoryDatabase(), announce: () => undefined, clock: Date.now, newId: randomUUID });
    await appendOneBy(log, ['a-1']);
    await expect(all(archiveLines(log, { first: 1, last: 2 }, signer))).rejects.toMatchObject({ code: 'failed-precondition' });
  });
});
