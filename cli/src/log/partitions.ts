import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline as pipeThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { AppError } from '@plumbline/contracts';
import { archiveLines, checkArchive, dropPartition, findPartition, listPartitions, recordExport, recordVerified } from '@plumbline/event-log';
import type { CliIo } from '../io.ts';
import { publicKeysOf, signerOf, withLog, type DatabaseOptions } from '../environment.ts';

export async function showPartitions(io: CliIo, options: DatabaseOptions & { json?: boolean }): Promise<void> {
  const partitions = await withLog(io, options, ({ executor }) => listPartitions(executor));
  for (const partition of partitions) {
    const { first, last, from, to, sizeBytes, isFull, exported } = partition;
    if (options.json === true) io.out(JSON.stringify(partition));
    else io.out(`${first}  to ${last}  ${from ?? '-'} .. ${to ?? '-'}  ${sizeBytes} bytes  ${isFull ? 'full' : 'open'}  exported: ${exported}`);
  }
}

export async function exportPartition(io: CliIo, options: DatabaseOptions & { partition: number; out: string }): Promise<void> {
  const signer = signerOf(io);
  const { out } = options;
  await withLog(io, options, async ({ log, executor }) => {
    const { first, last, isFull } = await findPartition(executor, options.partition);
    if (!isFull) throw new AppError('failed-precondition', `partition ${first} is still written to: only a full one can be exported`);
    await writeLines(out, archiveLines(log, { first, last }, signer));
    // From the file, not from what was meant to be in it.
    const header = await checkArchive(linesOf(out), signer.publicKey).catch(async (error: unknown) => {
      await rm(out);
      throw error;
    });
    await recordExport(executor, header);
    io.out(`positions ${first} to ${last} are in ${out}. Keep it elsewhere, then check the copy: plumb log check-export <copy>`);
  });
}

export async function checkExport(io: CliIo, file: string, options: DatabaseOptions & { publicKey?: string }): Promise<void> {
  const [publicKey] = publicKeysOf(io, options.publicKey === undefined ? undefined : [options.publicKey]);
  if (publicKey === undefined) throw new AppError('invalid-argument', 'whose signature? Give --public-key or set PLUMBLINE_KEY');
  const header = await checkArchive(linesOf(file), publicKey);
  io.out(`right: positions ${header.first} to ${header.last}, generation ${header.generation}, hash ${header.hashAfter}`);
  if ((options.databaseUrl ?? io.env['PLUMBLINE_DATABASE_URL'] ?? '') === '') return;
  await withLog(io, options, ({ executor }) => recordVerified(executor, header));
  io.out(`recorded: partition ${header.first} can be dropped`);
}

export async function dropOne(io: CliIo, options: DatabaseOptions & { partition: number }): Promise<void> {
  const oldest = await withLog(io, options, ({ executor }) => dropPartition(executor, options.partition));
  io.out(`dropped; the log begins at position ${oldest} now`);
}

/** Whole or not at all: under its name there is never half a file. Refuses to write over another. */
async function writeLines(file: string, lines: AsyncIterable<string>): Promise<void> {
  const unfinished = `${file}.unfinished`;
  const target = await open(file, 'wx').catch((cause: unknown) => {
    throw new AppError('failed-precondition', `${file} can't be made: ${(cause as Error).message}`, { cause });
  });
  await target.close();
  try {
    const handle = await open(unfinished, 'w', 0o600);
    const sink = handle.createWriteStream({ flush: true });
    const source = Readable.from(withBreaks(lines));
    await (file.endsWith('.gz') ? pipeline(source, createGzip(), sink) : pipeline(source, sink));
    await rename(unfinished, file);
  } catch (error) {
    await Promise.all([rm(unfinished, { force: true }), rm(file, { force: true })]);
    throw error;
  }
}

async function* withBreaks(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}

async function* linesOf(file: string): AsyncGenerator<string> {
  const bytes = createReadStream(file);
  // The callback only keeps an error from going astray: whoever reads the last stream gets it.
  const source = file.endsWith('.gz') ? pipeThrough(bytes, createGunzip(), () => undefined) : bytes;
  source.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of source) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (cause) {
    if (AppError.is(cause)) throw cause;
    throw new AppError('failed-precondition', `${file} can't be read: ${(cause as Error).message}`, { cause });
  }
  if (rest !== '') yield rest;
}
