import { readFile } from 'node:fs/promises';
import { AppError } from '@plumbline/contracts';
import { verifyLog, type SignedHead, type VerifyReport } from '@plumbline/event-log';
import { exitNo, type CliIo } from '../io.ts';
import { publicKeysOf, withLog, type DatabaseOptions } from '../environment.ts';

export interface VerifyCommandOptions extends DatabaseOptions {
  from?: number;
  publicKey?: string[];
  heads?: string;
  json?: boolean;
}

const progressEachMs = 2_000;

/** Answers the exit code. */
export async function verify(io: CliIo, options: VerifyCommandOptions): Promise<number> {
  const publicKeys = publicKeysOf(io, options.publicKey);
  const keptHeads = options.heads === undefined ? [] : await readHeads(options.heads);
  if (publicKeys.length === 0) io.err('no public key: signatures are not checked (give --public-key or set PLUMBLINE_KEY)');
  let toldAt = performance.now();
  const report = await withLog(io, options, ({ log }) =>
    verifyLog(log, {
      keptHeads,
      publicKeys,
      ...(options.from !== undefined && { from: options.from }),
      progress(position, head) {
        if (performance.now() - toldAt < progressEachMs) return;
        toldAt = performance.now();
        io.err(`position ${position} of ${head} (${Math.floor((position / head) * 100)} %)`);
      },
    }),
  );
  if (options.json === true) io.out(JSON.stringify(report));
  else tell(io, report);
  return report.isIntact ? 0 : exitNo;
}

function tell(io: CliIo, { isIntact, from, to, hash, signedHeads, problems, lost, generation }: VerifyReport): void {
  for (const problem of problems) io.out(`WRONG  ${problem}`);
  for (const { position, generation: old } of lost) {
    io.out(`LOST   what generation ${old} had after the recovery point up to position ${position}: it was signed, and the copy did not have it`);
  }
  const range = to < from ? 'no events' : `positions ${from} to ${to}`;
  io.out(`${isIntact ? 'intact' : 'NOT INTACT'}: ${range}, ${signedHeads} signed heads, hash ${hash}, generation ${generation}`);
}

async function readHeads(file: string): Promise<SignedHead[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, index) => {
    try {
      const head = JSON.parse(line) as SignedHead;
      if (Number.isSafeInteger(head.position) && typeof head.hash === 'string' && typeof head.signature === 'string') return head;
    } catch {
      // Said below.
    }
    throw new AppError('invalid-argument', `${file}, line ${index + 1}: no signed head as \`plumb log sign\` prints it`);
  });
}
