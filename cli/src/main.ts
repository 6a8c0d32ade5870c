#!/usr/bin/env node
/**
 * `plumb`: what an operator does from a terminal. So far the log: verify, sign, export, drop, recover, roles.
 *
 * It reads its environment like the services do, answers on standard output, tells progress and failures on standard
 * error, and ends with 0 (done, or right), 1 (the answer is no) or 2 (it could not be done, or was not asked right).
 */
import { runCli } from './cli.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
