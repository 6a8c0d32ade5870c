import { AppError, type ErrorCode } from '@plumbline/contracts';
import { Command, CommanderError } from 'commander';
import { exitNo, type CliIo } from './io.ts';
import { logCommands } from './log/log-commands.ts';

/** Could not do it, or was not asked right. */
const exitFailed = 2;

const answersNo: ReadonlySet<ErrorCode> = new Set(['failed-precondition', 'not-found', 'conflict', 'gone', 'already-exists']);

/** Runs one command; answers the exit code. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  let exitCode = 0;
  const program = new Command('plumb')
    .description('Operates Plumbline: the log')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    });
  program.addCommand(
    logCommands(io, (code) => {
      exitCode = code;
    }),
  );
  inheritSettings(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said what is wrong; --help ends the same way.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitFailed;
    const failure = AppError.from(error);
    io.err(`plumb: ${failure.message}`);
    return answersNo.has(failure.code) ? exitNo : exitFailed;
  }
}

function inheritSettings(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    inheritSettings(child);
  }
}
