import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyLog } from '../audit/verify-log.ts';
import { verifyChain } from '../chain.ts';
import { logHeadsStream, makeLogSigner, parseLogPublicKey, type SignedHead } from '../signed-head.ts';
import type { Subject } from './describe-event-log.ts';
import { appendOneBy, metadata, newEvent } from './sample-events.ts';

export function auditCases<Tx>(subject: Subject<Tx>): void {
  const signer = makeLogSigner(randomBytes(32));
  const publicKey = parseLogPublicKey(signer.publicKey.text);

  /** Signs where the log ends now, and says so in the log. */
  async function sign(by = signer, change: Partial<SignedHead> = {}): Promise<SignedHead> {
    const { log } = subject();
    const { position, hash, generation } = await log.chainHead();
    const data = { ...by.signHead({ position, hash: hash.toString('hex'), generation }), ...change };
    await log.append([{ stream: logHeadsStream, events: [{ id: randomUUID(), type: 'LogHeadSigned', data, metadata }] }]);
    return data;
  }

  describe('a check of the whole log', () => {
    it('finds an empty log and a written one right', async () => {
      const { log } = subject();
      expect(await verifyLog(log)).toMatchObject({ isIntact: true, from: 1, to: 0, problems: [] });
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'c-1']);
      await sign();
      await appendOneBy(log, ['a-1']);
      const seen: number[] = [];
      const report = await verifyLog(log, { publicKeys: [publicKey], progress: (position) => seen.push(position) });
      expect(report).toMatchObject({ isIntact: true, from: 1, to: 6, signedHeads: 1, problems: [], lost: [] });
      expect(report.hash).toBe((await log.chainHead()).hash.toString('hex'));
      expect(seen).toEqual([6]);
    });

    it('begins where it is told', async () => {
      const { log, tamper } = subject();
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'b-1', 'a-1']);
      await tamper(2);
      expect(await verifyLog(log)).toMatchObject({
        isIntact: false,
        to: 1,
        problems: [expect.stringContaining('position 2'), expect.stringContaining('head is at 5')],
      });
      expect(await verifyLog(log, { from: 3 })).toMatchObject({ isIntact: true, from: 3, to: 5 });
      expect(await verifyLog(log, { from: 9 })).toMatchObject({ isIntact: false });
    });

    it('believes only signatures of the key that it was given', async () => {
      const { log } = subject();
      await appendOneBy(log, ['a-1']);
      const other = makeLogSigner(randomBytes(32));
      await sign(other);
      expect(await verifyLog(log)).toMatchObject({ isIntact: true, signedHeads: 1 });
      expect(await verifyLog(log, { publicKeys: [publicKey] })).toMatchObject({
        isIntact: false,
        problems: [expect.stringContaining('was signed with the key')],
      });
      expect(await verifyLog(log, { publicKeys: [publicKey, other.publicKey] })).toMatchObject({ isIntact: true, signedHeads: 1 });
    });

    it('shows a signed head that does not fit its position', async () => {
      const { log } = subject();
      await appendOneBy(log, ['a-1']);
      await sign(signer, { hash: 'ab'.repeat(32) });
      await sign(signer, { position: 4 });
      expect((await verifyLog(log)).problems).toEqual([
        expect.stringContaining('the hash of position 1 is another now'),
        expect.stringContaining('is of position 4, which comes later'),
      ]);
      expect((await verifyLog(log, { publicKeys: [publicKey] })).problems).toEqual(
        Array.from({ length: 2 }, () => expect.stringContaining('its signature is wrong') as unknown),
      );
    });

    it('holds against signed heads that were kept elsewhere, and names what a recovery lost', async () => {
      const { log, recoverTo } = subject();
      await appendOneBy(log, ['a-1', 'b-1']);
      const early = await sign();
      await appendOneBy(log, ['a-1', 'b-1']);
      const late = await sign();
      expect(await verifyLog(log, { publicKeys: [publicKey], keptHeads: [late, early] })).toMatchObject({ isIntact: true, signedHeads: 4, lost: [] });
      const beyond = signer.signHead({ ...late, position: 77 });
      expect((await verifyLog(log, { keptHeads: [beyond] })).problems).toEqual([expect.stringContaining('is of position 77, but the log ends at 6')]);
      await recoverTo(3);
      const report = await verifyLog(log, { publicKeys: [publicKey], keptHeads: [early, late] });
      expect(report).toMatchObject({ isIntact: true, to: 3, signedHeads: 2, lost: [late] });
      await appendOneBy(log, ['c-1', 'c-1', 'c-1']);
      expect(await verifyLog(log, { publicKeys: [publicKey], keptHeads: [early, late] })).toMatchObject({ isIntact: true, lost: [late] });
    });
  });

  describe('a log whose beginning was dropped', () => {
    it('says gone for what it does not have, and gives the rest', async () => {
      const { log, dropFirstThree } = subject();
      const recorded = await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1', 'c-1']);
      await dropFirstThree();
      const gone = { code: 'gone', details: { oldest: 4 } };
      await expect(log.readFeed({ after: 0, limit: 10 })).rejects.toMatchObject(gone);
      await expect(log.readFeed({ after: 2, limit: 1 })).rejects.toMatchObject(gone);
      expect((await log.readFeed({ after: 3, limit: 10 })).events).toEqual(recorded.slice(3));
      expect((await log.readFeed({ after: 5, limit: 10 })).events).toEqual([]);
    });

    it('tells no stream without its beginning', async () => {
      const { log, dropFirstThree } = subject();
      const recorded = await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1', 'c-1']);
      await dropFirstThree();
      await expect(log.readStream('a-1')).rejects.toMatchObject({ code: 'gone', details: { stream: 'a-1', oldestVersion: 3 } });
      await expect(log.readStream('a-1', { afterVersion: 1, limit: 1 })).rejects.toMatchObject({ code: 'gone' });
      expect(await log.readStream('a-1', { afterVersion: 2 })).toEqual([recorded[3]]);
      await expect(log.readStream('b-1')).rejects.toMatchObject({ code: 'gone', details: { stream: 'b-1', oldestVersion: 2 } });
      expect(await log.readStream('b-1', { afterVersion: 1 })).toEqual([]);
      expect(await log.readStream('c-1')).toEqual([recorded[4]]);
      expect(await log.readStream('never-1')).toEqual([]);
    });

    it('goes on counting, and is verified from where it begins', async () => {
      const { log, dropFirstThree } = subject();
      await appendOneBy(log, ['a-1', 'b-1', 'a-1', 'a-1', 'c-1']);
      await dropFirstThree();
      const [next] = await log.append([{ stream: 'b-1', expectedVersion: 1, events: [newEvent()] }]);
      expect(next).toMatchObject({ position: 6, version: 2 });
      expect(await verifyChain(log)).toMatchObject({ isIntact: true, position: 6 });
      expect(await verifyLog(log)).toMatchObject({ isIntact: true, from: 4, to: 6, problems: [] });
    });
  });
}
