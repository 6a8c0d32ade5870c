import { AppError } from '@plumbline/contracts';
import { beginGeneration, grantLogAccess, migrateEventLog, signLog } from '@plumbline/event-log';
import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import type { CliIo } from '../io.ts';
import { signerOf, withLog, type DatabaseOptions } from '../environment.ts';
import { checkExport, dropOne, exportPartition, showPartitions } from './partitions.ts';
import { verify, type VerifyCommandOptions } from './verify.ts';

/** `plumb log …` */
export function logCommands(io: CliIo, exitWith: (code: number) => void): Command {
  const log = new Command('log').description('the event log: verify, sign, export, drop, recover, roles');

  onDatabase(log.command('verify').description('check hashes, positions, versions and signed heads; 0 intact, 1 not, 2 could not be checked'))
    .option('--from <position>', 'begin here; the hash before it is taken as it is', position)
    .option('--public-key <key...>', 'whose signatures count, also former keys; default: that of PLUMBLINE_KEY')
    .option('--heads <file>', 'signed heads that were kept elsewhere, one JSON object a line, as `plumb log sign` prints them')
    .option('--json', 'print the report as JSON')
    .action(async (options: VerifyCommandOptions) => exitWith(await verify(io, options)));

  log
    .command('key')
    .description('print the public key that signed heads and exports are checked with')
    .action(() => io.out(signerOf(io).publicKey.text));

  onDatabase(log.command('sign').description('sign where the log ends now, record it, and print it to be kept elsewhere')).action((options: DatabaseOptions) =>
    sign(io, options),
  );

  onDatabase(log.command('partitions').description('list the partitions: positions, times, size, whether exported'))
    .option('--json', 'one JSON object a line')
    .action((options: DatabaseOptions & { json?: boolean }) => showPartitions(io, options));

  onDatabase(log.command('export').description('write a full partition to a signed file (.gz: compressed)'))
    .requiredOption('--partition <position>', 'first position of the partition', position)
    .requiredOption('--out <file>', 'a file that does not exist yet')
    .action((options: DatabaseOptions & { partition: number; out: string }) => exportPartition(io, options));

  onDatabase(log.command('check-export').description('read an exported file again; with a database, record there that it is right'))
    .argument('<file>')
    .option('--public-key <key>', 'who must have signed it; default: that of PLUMBLINE_KEY')
    .action((file: string, options: DatabaseOptions & { publicKey?: string }) => checkExport(io, file, options));

  onDatabase(log.command('drop').description('remove the oldest partition, which was exported and checked and which no consumer needs'))
    .requiredOption('--partition <position>', 'first position of the partition', position)
    .action((options: DatabaseOptions & { partition: number }) => dropOne(io, options));

  onDatabase(
    log.command('recover').description('after the database was restored from an older copy, before the services start: begin a new generation'),
  ).action((options: DatabaseOptions) => recover(io, options));

  onDatabase(log.command('migrate').description('bring the schema of the log up to date, as its owner')).action((options: DatabaseOptions) =>
    withLog(io, options, async ({ pool }) => {
      await migrateEventLog(pool);
      io.out('the schema of the log is up to date');
    }),
  );

  onDatabase(log.command('grant').description('let a role read the log, append to it and hold leases, and nothing else'))
    .requiredOption('--role <name>', 'a role that exists')
    .action((options: DatabaseOptions & { role: string }) =>
      withLog(io, options, async ({ executor }) => {
        await grantLogAccess(executor, options.role);
        io.out(`role ${options.role} may append and read`);
      }),
    );
  return log;
}

const onDatabase = (command: Command): Command => command.option('--database-url <url>', 'PostgreSQL of the log; default: PLUMBLINE_DATABASE_URL');

function position(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new InvalidArgumentError('give a position: a whole number from 1.');
  return value;
}

async function sign(io: CliIo, options: DatabaseOptions): Promise<void> {
  const signer = signerOf(io);
  const metadata = { actor: 'system:plumb', service: 'cli', schemaVersion: 1 };
  const signed = await withLog(io, options, ({ log }) => signLog(log, signer, (data) => ({ id: randomUUID(), type: 'LogHeadSigned', data, metadata })));
  if (signed === undefined) throw new AppError('failed-precondition', 'nothing was appended since the last signed head');
  io.out(JSON.stringify(signed));
}

async function recover(io: CliIo, options: DatabaseOptions): Promise<void> {
  await withLog(io, options, async ({ log, executor }) => {
    const generation = await beginGeneration(executor);
    io.out(`generation ${generation} begins after position ${(await log.head()).position}: projections are rebuilt, other consumers go on from here at most`);
  });
}
