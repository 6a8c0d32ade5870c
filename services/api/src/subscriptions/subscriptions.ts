import { randomInt, randomUUID } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { Clock, NewEvent } from '@plumbline/contracts';
import type { Consumer, SqlExecutor } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import { sqlOf } from '@plumbline/platform';
import type { ServiceContext } from '@plumbline/platform';
import { rightsOf } from '@plumbline/policy';
import type { AccessModel } from '../access/access-model.ts';
import type { Caller } from '../access/authentication.ts';
import type { ControlSettings } from '../access/control-settings.ts';
import { viewOf } from '../events/visibility.ts';
import type { VisibilityParts } from '../events/visibility.ts';
import { limits } from '../limits.ts';
import { fieldManager, secretReference } from './declaration.ts';
import { makeDeliverer, post } from './deliverer.ts';
import type { Active } from './deliverer.ts';
import type { Outcome } from './attempts.ts';
import { sourceOf, testEventOf } from './cloud-event.ts';
import { boundWaiting, deliveryCount, enqueue, isWanted, wantedNow } from './delivery-table.ts';
import { readDestinationPolicy } from './destination.ts';
import type { DestinationPolicy } from './destination.ts';
import { adoptGeneration, consumerName, watchSubscriptions } from './register.ts';
import type { Register } from './register.ts';
import { makeSender } from './sender.ts';
import type { Sender } from './sender.ts';

export interface SubscriptionsParts {
  context: Pick<ServiceContext, 'database' | 'eventLog' | 'event' | 'transaction' | 'consume' | 'jobs' | 'clock' | 'log' | 'metrics'>;
  prefix: string;
  namespace: string;
  kube: KubeClient;
  settings: ControlSettings;
  access: AccessModel;
  visibility: VisibilityParts;
}

/** Subscriptions that deliver by themselves. */
export interface Subscriptions {
  register: Register;
  policy(): DestinationPolicy;
  /** Why a subscription delivers nothing; undefined: it does. */
  stoppedBecause(name: string): string | undefined;
  kick(name: string): void;
  /** Sends an event that is not of the log, now and once. */
  test(name: string): Promise<Outcome>;
  /** Position that the consumer has reached. */
  position(): number;
  stop(): Promise<void>;
}

/** What is to be done about a subscription that is full. */
export const fullReason = (fullSince: number): string =>
  `more than ${limits.deliveriesWaitingMax} events waited or were dead letters: nothing after position ${fullSince} is put aside; delete it and make it anew with from ${fullSince + 1}`;

const queueName = 'subscription-deliveries';
const jitterSteps = 1_000_000;

export async function startSubscriptions(parts: SubscriptionsParts): Promise<Subscriptions> {
  const { context, prefix, namespace, kube, settings } = parts;
  const { eventLog, transaction, clock, log, metrics, jobs } = context;
  const database = sqlOf(context.database);
  const policy = (): DestinationPolicy => readDestinationPolicy(settings.settings());
  const sender = makeSender({ policy, clock });
  const queue = jobs.queue(queueName);
  const register = watchSubscriptions({ kube, namespace, eventLog, database, transaction, log, changed: (name) => deliverer.kick(name) });
  const timers = new Map<string, NodeJS.Timeout>();
  const later = (name: string, delayMs: number): void => {
    clearTimeout(timers.get(name));
    timers.delete(name);
    // Soon: by this replica, without a way to the queue. Should it die, the sweep of another finds the same row.
    if (delayMs <= limits.deliverySweepMs)
      timers.set(
        name,
        setTimeout(() => deliverer.kick(name), delayMs),
      );
    else
      queue
        .reschedule(name, delayMs)
        .catch((error: unknown) => log.warn('could not schedule a delivery; the sweep will find it', { subscription: name, reason: String(error) }));
  };
  const deliverer = makeDeliverer({
    ...{ prefix, eventLog, database, transaction, sender, clock, log, metrics },
    random: () => randomInt(jitterSteps) / jitterSteps,
    active: (name) => activeOf(parts, register, name),
    disable: (name, reason, eventId) => disable(parts, register, { name, reason, eventId }),
    buried: async ({ subscription: name, position, eventId, tries }, reason) => {
      const uid = register.find(name)?.uid ?? '';
      const minute = Math.floor(clock() / limits.deadLetterNoticeMs);
      await say(
        context,
        name,
        context.event('DeliveryDeadLettered', { name, uid, position, eventId, reason, tries: tries + 1 }, { cause: `${uid} ${minute}` }),
      );
    },
    later,
  });
  jobs.work(queueName, async (name) => deliverer.kick(name));
  const consumer = await context.consume(makeConsumer((name) => deliverer.kick(name)));
  const tellFull = (name: string, fullSince: number): Promise<void> => sayFull(context, register, { name, fullSince });
  const sweep = setInterval(() => {
    void sweepAll({ database, metrics, register, kick: deliverer.kick, appliedTo: () => consumer.position(), tellFull });
  }, limits.deliverySweepMs);
  return {
    register,
    policy,
    stoppedBecause: (name) => stoppedBecause(parts, register, name),
    kick: deliverer.kick,
    test: (name) => sendTest({ register, sender, clock, prefix }, name),
    position: () => consumer.position(),
    stop: async () => {
      clearInterval(sweep);
      await register.stop();
      await deliverer.stop();
      timers.forEach((timer) => clearTimeout(timer));
      await sender.close();
    },
  };
}

/** Puts every event that somebody wants aside, exactly once: in the transaction that moves the checkpoint. */
function makeConsumer(kick: (name: string) => void): Consumer<SqlExecutor> {
  const wakened = new Set<string>();
  return {
    name: consumerName,
    load: adoptGeneration,
    apply: async (events, tx) => {
      for (const wanted of await wantedNow(tx)) {
        const fitting = events.filter((event) => event.position > wanted.since && isWanted(wanted, event));
        await enqueue(tx, wanted.name, fitting);
        if (fitting.length > 0) wakened.add(wanted.name);
      }
    },
    committed: () => {
      const names = [...wakened];
      wakened.clear();
      names.forEach(kick);
    },
  };
}

interface Sweep {
  database: SqlExecutor;
  metrics: ServiceContext['metrics'];
  register: Register;
  kick: (name: string) => void;
  appliedTo: () => number;
  tellFull: (name: string, fullSince: number) => Promise<void>;
}

async function sweepAll({ database, metrics, register, kick, appliedTo, tellFull }: Sweep): Promise<void> {
  await register.reconcile();
  const full = await boundWaiting(database, { max: limits.deliveriesWaitingMax, appliedTo: appliedTo() }).catch(() => []);
  for (const { name, fullSince } of full) await tellFull(name, fullSince);
  for (const { name } of register.all()) kick(name);
  await deliveryCount(database).then(
    (count) => metrics.gauge('deliveries_pending', count),
    () => undefined,
  );
}

function activeOf(parts: SubscriptionsParts, register: Register, name: string): Active | undefined {
  const { subscription } = register.find(name) ?? {};
  if (subscription === undefined || stoppedBecause(parts, register, name) !== undefined) return undefined;
  return { subscription, view: viewOf(callerOf(parts, subscription.subject), subscription.filter, parts.visibility) };
}

async function sendTest(parts: { register: Register; sender: Sender; clock: Clock; prefix: string }, name: string): Promise<Outcome> {
  const declaration = parts.register.find(name);
  if (declaration?.subscription === undefined) throw new AppError('failed-precondition', declaration?.problem ?? 'it is not declared');
  const event = testEventOf(name, { id: randomUUID(), source: sourceOf(parts.prefix), time: new Date(parts.clock()).toISOString() });
  return post(parts, declaration.subscription, event, new AbortController().signal);
}

/** The subject as if it asked itself, now. */
const callerOf = ({ access }: SubscriptionsParts, subject: string): Caller => ({
  subject,
  groups: [],
  rights: rightsOf(access.policy(), { subject, groups: [] }),
  token: '',
});

function stoppedBecause({ settings, access }: SubscriptionsParts, register: Register, name: string): string | undefined {
  const declaration = register.find(name);
  if (declaration?.subscription === undefined) return declaration?.problem ?? 'it is not declared';
  const { disabled, subject } = declaration.subscription;
  if (disabled !== undefined) return disabled;
  if (!settings.isKnown()) return 'accounts are not known yet';
  return isSubject({ settings, access }, subject) ? undefined : `account ${subject}, whose rights it delivers by, is gone or disabled`;
}

function isSubject({ settings, access }: Pick<SubscriptionsParts, 'settings' | 'access'>, subject: string): boolean {
  if (!subject.startsWith('proj:')) return settings.accounts().get(subject)?.isEnabled === true;
  const [, project = '', role = ''] = subject.split(':');
  return access.project(project)?.spec.roles?.some((each) => each.name === role) === true;
}

async function disable(
  { context, kube, namespace }: SubscriptionsParts,
  register: Register,
  stop: { name: string; reason: string; eventId: string },
): Promise<void> {
  const { name, reason, eventId } = stop;
  const uid = register.find(name)?.uid ?? '';
  register.take(await kube.mergePatch(secretReference(namespace, name), { metadata: { uid }, stringData: { disabled: reason } }, { fieldManager }));
  context.log.warn('a subscription is disabled', { subscription: name, reason });
  await say(context, name, context.event('SubscriptionDisabled', { name, uid, reason }, { cause: `${uid} ${eventId}` }));
}

async function sayFull(context: SubscriptionsParts['context'], register: Register, { name, fullSince }: { name: string; fullSince: number }): Promise<void> {
  const uid = register.find(name)?.uid ?? '';
  const reason = fullReason(fullSince);
  context.log.error('a subscription is full', { subscription: name, reason });
  await say(context, name, context.event('SubscriptionDisabled', { name, uid, reason }, { cause: `${uid} full ${fullSince}` }));
}

/** Said besides what is done: an event that can't be said is no reason to do it again. */
async function say({ eventLog, log }: SubscriptionsParts['context'], name: string, event: NewEvent): Promise<void> {
  await eventLog
    .append([{ stream: `subscription-${name}`, events: [event] }])
    .catch((error: unknown) => log.warn('could not record what became of a subscription', { subscription: name, error: AppError.from(error).message }));
}
