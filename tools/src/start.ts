import { startSupervisor } from './platform/background.ts';
import { limits } from './platform/limits.ts';
import { parseOptions, usage, UsageError, type PlatformOptions } from './platform/options.ts';
import { readRunningState } from './platform/state.ts';

/** `npm start` and, with `dev`, `npm run dev`: the platform in the background, this process in front of it. */
export async function start(args: readonly string[], { dev = false } = {}): Promise<number> {
  try {
    const options = parseOptions(args, process.env, dev);
    if (!options) {
      console.log(usage);
      return 0;
    }
    return await run(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return 2;
  }
}

async function run(options: PlatformOptions): Promise<number> {
  const running = readRunningState(options.stateDir);
  if (running) {
    console.error(`Plumbline already runs here (${running.phase}, ${running.api ?? 'no address yet'}). \`npm stop\` stops it.`);
    return 1;
  }
  const supervisor = startSupervisor(options, (line) => console.log(line));
  const isInterrupted = stopOnSignals((request) => supervisor.ask(request));
  try {
    console.log(await supervisor.ready);
  } catch (error) {
    const code = await supervisor.ended;
    if (isInterrupted()) return 0;
    console.error((error as Error).message);
    return code === 0 ? 1 : code;
  }
  if (options.detach) {
    supervisor.detach();
    return 0;
  }
  console.log('Ctrl-C stops everything.');
  return await supervisor.ended;
}

/** The first signal asks for an orderly end, a second one, later than a repeat of the first, for an immediate one. */
function stopOnSignals(ask: (request: 'stop' | 'kill') => void): () => boolean {
  let firstAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = performance.now();
      if (firstAt === undefined) {
        firstAt = now;
        console.log('Stopping …');
        ask('stop');
      } else if (now - firstAt > limits.sameSignalMs) {
        ask('kill');
      }
    });
  }
  return () => firstAt !== undefined;
}

if (import.meta.main) process.exit(await start(process.argv.slice(2)));
