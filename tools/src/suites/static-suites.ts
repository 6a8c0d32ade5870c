import { bin, runCommand } from './command.ts';
import { single, type Suite } from './suite.ts';
import { runVitest } from './vitest-suite.ts';

/** What needs no service: seconds in all. The linter knows types, and takes those of other packages from their builds. */
export const staticSuites: readonly Suite[] = [
  command('format', ['oxfmt', '--check']),
  command('build', ['tsc', '-b']),
  command('types of tests', ['tsc', '-p', 'tsconfig.spec.json'], ['build']),
  command('lint', ['oxlint'], ['build']),
  command('unused', ['knip'], ['build']),
  { name: 'unit', run: () => runVitest('unit', process.env) },
];

function command(name: string, [program = '', ...args]: readonly string[], after: readonly string[] = []): Suite {
  return { name, after, run: async () => single(name, await runCommand(bin(program), args)) };
}
