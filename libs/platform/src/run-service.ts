import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@plumbline/contracts';
import { limits } from './limits.ts';
import type { ServiceDefinition, StartedService } from './service.ts';
import { startService } from './start-service.ts';

/**
 * `main.ts` of a service: starts it, and ends it in order on SIGTERM or SIGINT (exit 0). What can't start says so in one
 * clear line; what nobody caught is logged; both exit with 1, and the supervisor starts it again.
 */
export async function runService<C>(definition: ServiceDefinition<C>): Promise<void> {
  let started: StartedService<C>;
  try {
    started = await startService(definition, process.env);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(AppError.is(error) && error.code === 'invalid-argument' ? `${message}\n` : `${definition.name} can't start: ${message}\n`);
    process.exit(1);
  }
  const { log } = started.context;

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    log.info('stopping', { signal });
    const isOver = await Promise.race([
      started.stop().then(
        () => true,
        (error: unknown) => {
          log.error('did not stop in order', { error });
          return false;
        },
      ),
      sleep(limits.drainMs + limits.closeMs, false),
    ]);
    if (!isOver) log.error('stopped without closing everything');
    process.exit(isOver ? 0 : 1);
  };
  process.once('SIGTERM', (signal) => void end(signal));
  process.once('SIGINT', (signal) => void end(signal));
  const fall = (kind: string) => (error: unknown) => {
    log.error(`${kind}; the process ends`, { error });
    process.exit(1);
  };
  process.on('uncaughtException', fall('uncaught exception'));
  process.on('unhandledRejection', fall('unhandled rejection'));
}
