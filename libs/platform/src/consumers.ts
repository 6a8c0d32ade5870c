import type { Bus } from '@plumbline/bus';
import { AppError, consumingServices, listConsumers, listParked, operateConsumer, parkedPageMax } from '@plumbline/contracts';
import type { Clock, ConsumerState, ConsumingService, Logger, Metrics, RequestOf, ServiceEvent } from '@plumbline/contracts';
import { runConsumer } from '@plumbline/event-log';
import type {
  AnnouncementSource,
  CheckpointStore,
  Consumer,
  ConsumerStatus,
  EventLog,
  ParkedStream,
  ProjectionVerdict,
  RunningConsumer,
  SqlExecutor,
} from '@plumbline/event-log';
import { verifyCallerToken } from './caller-token.ts';
import type { PlatformConfig } from './config.ts';
import { limits } from './limits.ts';
import type { ServiceContext } from './service.ts';
import { understanding } from './understanding.ts';

export interface ConsumersParts {
  service: string;
  config: Pick<PlatformConfig, 'instance' | 'version' | 'key'>;
  log: Logger;
  metrics: Metrics;
  clock: Clock;
  bus: Bus;
  eventLog: EventLog<SqlExecutor>;
  announcements: AnnouncementSource;
  checkpoints: CheckpointStore<SqlExecutor>;
  event: ServiceContext['event'];
  /** How often it is looked whether a comparison is due. Default: `limits.compareCheckMs`. */
  compareCheckMs?: number;
}

/** The consumers of one service: runs them, answers about them, carries out what admins ask for, and compares daily. */
export interface Consumers {
  consume(consumer: Consumer<SqlExecutor>): Promise<RunningConsumer>;
  stop(): Promise<void>;
}

type Operation = RequestOf<ReturnType<typeof operateConsumer>>;

export function openConsumers(parts: ConsumersParts): Consumers {
  const { service, config, log, metrics, clock, eventLog, announcements, checkpoints } = parts;
  const running = new Map<string, RunningConsumer>();
  const isConsuming = (name: string): name is ConsumingService => (consumingServices as readonly string[]).includes(name);
  if (isConsuming(service)) serve(parts, service, running);

  const compareAll = async (): Promise<void> => {
    for (const consumer of running.values()) {
      try {
        const verdict = await consumer.compareIfDue();
        if (verdict !== undefined) await recordVerdict(parts, verdict, `system:${service}`);
      } catch (error) {
        log.warn('a projection could not be compared; it is tried again', { consumer: consumer.name, error });
      }
    }
  };
  let comparing: Promise<void> | undefined;
  const timer = setInterval(() => {
    comparing ??= compareAll().finally(() => (comparing = undefined));
  }, parts.compareCheckMs ?? limits.compareCheckMs);
  timer.unref();

  return {
    async consume(plain) {
      const { instance: owner, version } = config;
      const consumer = understanding(plain);
      const started = await runConsumer({ log: eventLog, announcements, checkpoints, consumer, clock, logger: log, metrics, owner, version });
      running.set(consumer.name, started);
      return started;
    },
    async stop() {
      clearInterval(timer);
      await Promise.all([...running.values()].map((consumer) => consumer.stop()));
      await comparing;
    },
  };
}

/** api has asked whether they may; the token says who it was, and that it was api who asked. */
function serve(parts: ConsumersParts, service: ConsumingService, running: ReadonlyMap<string, RunningConsumer>): void {
  const { bus, config, clock } = parts;
  const callerOf = (token: string | undefined) => verifyCallerToken(token, { key: config.key, audience: service, clock });
  const find = (name: string): RunningConsumer => {
    const consumer = running.get(name);
    if (consumer === undefined) throw new AppError('not-found', `${service} has no consumer ${name}`);
    return consumer;
  };
  bus.serve(listConsumers(service), async (_request, { token }) => {
    await callerOf(token);
    return { consumers: await Promise.all([...running.values()].map(async (consumer) => told(await consumer.status()))) };
  });
  bus.serve(listParked(service), async ({ consumer, after }, { token }) => {
    await callerOf(token);
    const parked = await find(consumer).parked();
    const page = parked.filter(({ position }) => position > after).slice(0, parkedPageMax);
    return { total: parked.length, parked: page.map(({ error, stack, ...each }) => ({ ...each, error: error.slice(0, 1_000), stack: stack.slice(0, 1_500) })) };
  });
  bus.serve(operateConsumer(service), async (operation, { token }) => {
    const { subject } = await callerOf(token);
    await operate(parts, find(operation.consumer), operation, subject);
    return {};
  });
}

function told({ run, ...status }: ConsumerStatus): ConsumerState {
  if (run === undefined || run.state === 'waiting') return status;
  const { consumer: _, state, message, ...progress } = run;
  return { ...status, run: { ...progress, state, message: message.slice(0, 1_000) } };
}

async function operate(parts: ConsumersParts, consumer: RunningConsumer, operation: Operation, actor: string): Promise<void> {
  const { log } = parts;
  switch (operation.action) {
    case 'retry':
      return changeParked(parts, consumer, { ...operation, actor });
    case 'skip':
      return changeParked(parts, consumer, { ...operation, actor });
    case 'rebuild':
      return hasBegun(log, (begun) => consumer.rebuild({ acceptParked: operation.acceptParked, begun }).then(() => recordRebuild(parts, consumer, actor)));
    case 'compare':
      return hasBegun(log, (begun) => consumer.compare({ begun }).then((verdict) => recordVerdict(parts, verdict, actor)));
    default:
      return operation satisfies never;
  }
}

/** Resolves when it has begun, rejects when it can't; what becomes of it later is told by its status. */
function hasBegun(log: Logger, work: (begun: () => void) => Promise<void>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  work(resolve).then(resolve, (error: unknown) => {
    log.warn('what was asked of a consumer did not succeed', { error });
    reject(error);
  });
  return promise;
}

interface ParkedChange {
  action: 'retry' | 'skip';
  stream: string;
  reason?: string;
  actor: string;
}

/** Recorded as soon as something came of it, also when the next event of the stream fails. */
async function changeParked(parts: ConsumersParts, consumer: RunningConsumer, { action, stream, reason = '', actor }: ParkedChange): Promise<void> {
  const find = async (): Promise<ParkedStream | undefined> => (await consumer.parked()).find((each) => each.stream === stream);
  const before = await find();
  if (before === undefined) throw new AppError('not-found', `stream ${stream} is not parked for consumer ${consumer.name}`);
  try {
    await (action === 'retry' ? consumer.retryParked(stream) : consumer.skipParked(stream, reason));
  } finally {
    if ((await find())?.position !== before.position) {
      const { position, eventId: event, attempts } = before;
      const parked = { consumer: consumer.name, stream, position, event };
      const said: ServiceEvent =
        action === 'retry' ? { type: 'ParkedEventRetried', data: parked } : { type: 'ParkedEventSkipped', data: { ...parked, reason } };
      await say(parts, said, { cause: `${action} ${consumer.name} ${event} ${attempts}`, actor });
    }
  }
}

async function recordRebuild(parts: ConsumersParts, consumer: RunningConsumer, actor: string): Promise<void> {
  const { run, name } = await consumer.status();
  const { position = 0, parked = 0, startedAt = '' } = run ?? {};
  await say(parts, { type: 'ProjectionRebuilt', data: { consumer: name, position, parked } }, { cause: `rebuild ${name} ${startedAt}`, actor });
}

/** Never repairs: a difference is a mistake of ours that somebody has to understand first. */
async function recordVerdict(parts: ConsumersParts, verdict: ProjectionVerdict, actor: string): Promise<void> {
  const { log, metrics, clock } = parts;
  const { consumer, differences } = verdict;
  metrics.gauge('projection_differences', differences, { consumer });
  if (differences > 0) log.error('a projection is not what the log makes of it: find out why, then rebuild it', { ...verdict });
  const data = { ...verdict, sample: [...verdict.sample] };
  await say(parts, { type: 'ProjectionCompared', data }, { cause: `compare ${consumer} ${verdict.position} ${clock()}`, actor });
}

async function say({ service, config, eventLog, event }: ConsumersParts, said: ServiceEvent, why: { cause: string; actor: string }): Promise<void> {
  await eventLog.append([{ stream: `service-${service}/${config.instance}`, events: [event(said.type, said.data, why)] }]);
}
