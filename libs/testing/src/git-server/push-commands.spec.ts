import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PushReport, packetAt, parsePushCommands, zeroId } from './push-commands.ts';

const packet = (payload: Buffer | string): Buffer => {
  const bytes = Buffer.from(payload);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
};
const flush = Buffer.from('0000');
const id = (digit: string): string => digit.repeat(40);

describe('the commands of a push', () => {
  const request = Buffer.concat([
    packet(`${zeroId} ${id('a')} refs/heads/main\0 report-status side-band-64k agent=git/2`),
    packet(`${id('b')} ${zeroId} refs/tags/v1\n`),
    flush,
    Buffer.from('PACK…'),
  ]);

  it('are read up to the pack', () => {
    expect(parsePushCommands(request)).toEqual([
      { ref: 'refs/heads/main', before: zeroId, after: id('a') },
      { ref: 'refs/tags/v1', before: id('b'), after: zeroId },
    ]);
  });

  it('are not known before all of them have arrived', () => {
    const end = request.indexOf('PACK');
    for (let length = 0; length < end; length++) expect(parsePushCommands(request.subarray(0, length)), `${length} bytes`).toBeUndefined();
  });

  it('are none in the empty request by which a client tries its credentials', () => {
    expect(parsePushCommands(flush)).toEqual([]);
  });

  it('never throw, and end, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parsePushCommands(Buffer.from(bytes))));
  });
});

describe('the report of a push', () => {
  const lines = [packet('unpack ok\n'), packet('ok refs/heads/main\n'), packet('ng refs/heads/ü non-fast-forward\n'), packet('ok refs/heads/größe\n'), flush];
  const progress = packet(Buffer.concat([Buffer.from([2]), Buffer.from('ok refs/heads/not-this\n')]));
  const inSideBand = (bytes: Buffer, cut: number): Buffer =>
    Buffer.concat([
      progress,
      packet(Buffer.concat([Buffer.from([1]), bytes.subarray(0, cut)])),
      progress,
      packet(Buffer.concat([Buffer.from([1]), bytes.subarray(cut)])),
      flush,
    ]);

  it.each([
    ['bare', () => Buffer.concat(lines)],
    ['in side band 1, cut anywhere', (cut: number) => inSideBand(Buffer.concat(lines), 1 + (cut % (Buffer.concat(lines).length - 1)))],
  ])('%s, and arriving in any pieces, names the refs that moved', (_, answer) => {
    fc.assert(
      fc.property(fc.nat(1000), fc.integer({ min: 1, max: 50 }), (cut, piece) => {
        const report = new PushReport();
        const bytes = answer(cut);
        for (let offset = 0; offset < bytes.length; offset += piece) report.add(bytes.subarray(offset, offset + piece));
        expect(report.isComplete).toBe(true);
        expect([...report.updated]).toEqual(['refs/heads/main', 'refs/heads/größe']);
      }),
    );
  });

  it('never throws on other bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => new PushReport().add(Buffer.from(bytes))));
  });
});

it('a packet of a length below its own header is empty, and reading goes on', () => {
  expect(packetAt(Buffer.from('0001'), 0)).toMatchObject({ end: 4 });
});
