import { randomBytes } from 'node:crypto';
import { AppError } from '@plumbline/contracts';
import type { EventLog, SqlExecutor } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import type { ServiceContext } from '@plumbline/platform';
import { z } from 'zod';
import type { Caller } from '../access/authentication.ts';
import { demand } from '../access/callers.ts';
import type { Asker } from '../applications/application-commands.ts';
import type { Commands } from '../commands/commands.ts';
import { parseEventFilter } from '../events/event-filter.ts';
import { limits } from '../limits.ts';
import { fieldManager, filterBody, reservedName, secretReference, secretType, secretTypeLabel, unknownField } from './declaration.ts';
import type { Declaration, FilterBody } from './declaration.ts';
import { deadLettersOf, deliveryState, replay, waitingStreamsOf } from './delivery-table.ts';
import type { DeadLetter, WaitingStream } from './delivery-table.ts';
import { checkUrl, hostOf } from './destination.ts';
import { fullReason } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';

const url = z.string().min(1).max(limits.subscriptionUrlCharsMax);
const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, { error: 'must be a DNS name: lower-case letters, digits, "-" and "."' })
  .max(limits.nameCharsMax)
  .refine((text) => !reservedName.test(text), { error: 'must not begin with argocd- or plumbline-, which Secrets of the platform do' });

const isFrom = (value: unknown): boolean => value === 'now' || value === 'beginning' || (Number.isSafeInteger(value) && Number(value) >= 1);
const from = z.custom<'now' | 'beginning' | number>(isFrom, {
  error: `must be "now", "beginning" or the position of the first event, a whole number from 1 to ${Number.MAX_SAFE_INTEGER}`,
});
const strict = <T extends z.ZodRawShape>(shape: T) => z.strictObject(shape, { error: (issue) => unknownField(issue, Object.keys(shape)) });

/** `POST /subscriptions`. */
export const subscriptionBody = strict({ name, url, filter: filterBody.default({}), from: from.default('now') });
/** `PATCH /subscriptions/{name}`. */
export const subscriptionPatch = strict({ url: url.optional(), filter: filterBody.optional(), disabled: z.boolean().optional() });
/** `POST /subscriptions/{name}/key`: `replace` makes a new one and lets both sign; `retire` ends the one before. */
export const keyBody = strict({ action: z.enum(['replace', 'retire'], { error: 'must be replace or retire' }) });
/** `POST /subscriptions/{name}/dead-letters/replay`. */
export const replayBody = z.union(
  [z.strictObject({ all: z.literal(true) }), z.strictObject({ positions: z.array(z.number().int().min(1)).min(1).max(limits.eventsPageMax) })],
  { error: `must be {"all":true} or {"positions":[…]} with 1 to ${limits.eventsPageMax} positions of dead letters` },
);

/** A subscription as the API shows it: without its key. */
export interface ShownSubscription {
  name: string;
  /** The whole address for who may change it, else its origin: receivers' addresses often hold a token. */
  url?: string;
  filter?: FilterBody;
  subject?: string;
  /** Absent: it delivers. */
  stopped?: string;
  /** Everything before is delivered, or was given up. */
  position: number;
  lag: number;
  pending: number;
  deadLetters: number;
  /** So much waited that nothing more is put aside: what to do. */
  full?: string;
  lastSuccess?: string;
  lastFailure?: string;
  failure?: string;
}

export interface SubscriptionCommandsParts {
  kube: KubeClient;
  namespace: string;
  commands: Commands;
  subscriptions: Subscriptions;
  eventLog: EventLog;
  database: SqlExecutor;
  transaction: ServiceContext['transaction'];
}

export interface Page {
  after: number;
  limit: number;
}

export interface TestResult {
  isDelivered: boolean;
  /** Absent: there was no answer. */
  status?: number;
  reason?: string;
}

export interface SubscriptionCommands {
  list(caller: Caller): Promise<ShownSubscription[]>;
  get(caller: Caller, name: string): Promise<ShownSubscription>;
  /** The only answer that ever has the key. */
  create(asker: Asker, body: z.infer<typeof subscriptionBody>): Promise<ShownSubscription & { secret: string }>;
  change(asker: Asker, name: string, patch: z.infer<typeof subscriptionPatch>): Promise<ShownSubscription>;
  remove(asker: Asker, name: string): Promise<void>;
  /** A new key is in the answer, and only there. */
  changeKey(asker: Asker, name: string, body: z.infer<typeof keyBody>): Promise<{ secret?: string }>;
  /** Streams with something to deliver. */
  deliveries(caller: Caller, name: string, page: Page): Promise<WaitingStream[]>;
  /** Sends an event that is not of the log. */
  test(asker: Asker, name: string): Promise<TestResult>;
  deadLetters(caller: Caller, name: string, page: Page): Promise<DeadLetter[]>;
  replay(asker: Asker, name: string, body: z.infer<typeof replayBody>): Promise<number>;
}

export function makeSubscriptionCommands(parts: SubscriptionCommandsParts): SubscriptionCommands {
  const { subscriptions, database } = parts;
  return {
    list: async (caller) => {
      const seen = subscriptions.register.all().filter((each) => caller.rights.may('subscriptions', 'get', each.name));
      return Promise.all(seen.map((each) => show(parts, caller, each)));
    },
    get: async (caller, wanted) => show(parts, caller, find(parts, caller, wanted, 'get')),
    create: (asker, body) => create(parts, asker, body),
    change: (asker, wanted, patch) => change(parts, asker, wanted, patch),
    remove: (asker, wanted) => remove(parts, asker, wanted),
    changeKey: (asker, wanted, body) => changeKey(parts, asker, wanted, body),
    deliveries: async (caller, wanted, page) => waitingStreamsOf(database, find(parts, caller, wanted, 'get').name, page),
    test: (asker, wanted) => test(parts, asker, wanted),
    deadLetters: async (caller, wanted, page) => deadLettersOf(database, find(parts, caller, wanted, 'get').name, page),
    replay: (asker, wanted, body) => replayLetters(parts, asker, wanted, body),
  };
}

/** Who may do nothing with a name is not told whether it exists. */
function find({ subscriptions }: SubscriptionCommandsParts, caller: Caller, wanted: string, action: string): Declaration {
  demand(caller, 'subscriptions', action, wanted);
  const declaration = subscriptions.register.find(wanted);
  if (declaration === undefined) throw new AppError('not-found', `subscription ${wanted} not found`);
  return declaration;
}

const commandOf = ({ caller, from }: Asker, command: string, target: string, parameters: Record<string, unknown>) => ({
  command,
  target: `subscription ${target}`,
  parameters,
  subject: caller.subject,
  from,
});

async function create(parts: SubscriptionCommandsParts, asker: Asker, body: z.infer<typeof subscriptionBody>): Promise<ShownSubscription & { secret: string }> {
  const { kube, namespace, commands, subscriptions, eventLog } = parts;
  demand(asker.caller, 'subscriptions', 'create', body.name);
  const host = inField('url', () => hostOf(checkUrl(body.url, subscriptions.policy())));
  inField('filter', () => parseEventFilter(body.filter, namespace));
  if (subscriptions.register.all().length >= limits.subscriptionsMax)
    throw new AppError('resource-exhausted', `there are ${limits.subscriptionsMax} subscriptions; delete one first`);
  const first = body.from === 'beginning' ? 1 : body.from === 'now' ? (await eventLog.head()).position + 1 : body.from;
  const secret = newKey();
  const parameters = { host, filter: body.filter, from: first };
  return commands.carryOut(commandOf(asker, 'create-subscription', body.name, parameters), async () => {
    const object = await kube.create(
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: body.name, namespace, labels: { [secretTypeLabel]: secretType } },
        stringData: { url: body.url, filter: JSON.stringify(body.filter), secret, subject: asker.caller.subject, from: String(first) },
      },
      { fieldManager },
    );
    const declaration = subscriptions.register.take(object);
    await subscriptions.register.reconcile();
    const { uid, resourceVersion } = object.metadata;
    return { written: { uid, resourceVersion }, result: { ...(await show(parts, asker.caller, declaration)), secret } };
  });
}

/** Who sends it elsewhere, or asks for other events, answers for what it may see: its rights count from then on. */
async function change(parts: SubscriptionCommandsParts, asker: Asker, wanted: string, patch: z.infer<typeof subscriptionPatch>): Promise<ShownSubscription> {
  const { kube, namespace, commands, subscriptions } = parts;
  const { uid } = find(parts, asker.caller, wanted, 'update');
  const host = patch.url === undefined ? undefined : inField('url', () => hostOf(checkUrl(patch.url ?? '', subscriptions.policy())));
  if (patch.filter !== undefined) inField('filter', () => parseEventFilter(patch.filter ?? {}, namespace));
  const isOther = patch.url !== undefined || patch.filter !== undefined;
  const stringData = {
    ...(patch.url === undefined ? {} : { url: patch.url }),
    ...(patch.filter === undefined ? {} : { filter: JSON.stringify(patch.filter) }),
    ...(patch.disabled === undefined ? {} : { disabled: patch.disabled ? `disabled by ${asker.caller.subject}` : 'false' }),
    ...(isOther ? { subject: asker.caller.subject } : {}),
  };
  const { url: _, ...parameters } = { ...patch, ...(host === undefined ? {} : { host }) };
  return commands.carryOut(commandOf(asker, 'change-subscription', wanted, parameters), async () => {
    const object = await kube.mergePatch(secretReference(namespace, wanted), { metadata: { uid }, stringData }, { fieldManager });
    const declaration = subscriptions.register.take(object);
    await subscriptions.register.reconcile();
    return {
      written: { uid, resourceVersion: object.metadata.resourceVersion },
      result: await show(parts, asker.caller, declaration),
    };
  });
}

async function changeKey(parts: SubscriptionCommandsParts, asker: Asker, wanted: string, { action }: z.infer<typeof keyBody>): Promise<{ secret?: string }> {
  const { kube, namespace, commands, subscriptions } = parts;
  const { uid, subscription, problem } = find(parts, asker.caller, wanted, 'update');
  if (subscription === undefined) throw new AppError('failed-precondition', `subscription ${wanted} can't be read: ${problem ?? ''}`);
  const secret = action === 'replace' ? newKey() : undefined;
  const stringData = secret === undefined ? { previousSecret: '' } : { secret, previousSecret: subscription.keys[0] ?? '' };
  return commands.carryOut(commandOf(asker, `${action}-subscription-key`, wanted, {}), async () => {
    const object = await kube.mergePatch(secretReference(namespace, wanted), { metadata: { uid }, stringData }, { fieldManager });
    subscriptions.register.take(object);
    return { written: { uid, resourceVersion: object.metadata.resourceVersion }, result: secret === undefined ? {} : { secret } };
  });
}

async function test(parts: SubscriptionCommandsParts, asker: Asker, wanted: string): Promise<TestResult> {
  const { uid } = find(parts, asker.caller, wanted, 'update');
  return parts.commands.carryOut(commandOf(asker, 'test-subscription', wanted, {}), async () => {
    const outcome = await parts.subscriptions.test(wanted);
    const result: TestResult =
      outcome.kind === 'failed'
        ? { isDelivered: false, reason: outcome.reason }
        : { isDelivered: outcome.status >= 200 && outcome.status < 300, status: outcome.status };
    return { written: { uid }, result };
  });
}

async function remove(parts: SubscriptionCommandsParts, asker: Asker, wanted: string): Promise<void> {
  const { kube, namespace, commands, subscriptions } = parts;
  const { uid } = find(parts, asker.caller, wanted, 'delete');
  await commands.carryOut(commandOf(asker, 'delete-subscription', wanted, {}), async () => {
    await kube.delete(secretReference(namespace, wanted), { uid });
    subscriptions.register.forget(wanted, uid);
    await subscriptions.register.reconcile();
    return { written: { uid }, result: undefined };
  });
}

async function replayLetters(parts: SubscriptionCommandsParts, asker: Asker, wanted: string, body: z.infer<typeof replayBody>): Promise<number> {
  const { uid } = find(parts, asker.caller, wanted, 'update');
  return parts.commands.carryOut(commandOf(asker, 'replay-dead-letters', wanted, body), async () => {
    const count = await parts.transaction((tx) => replay(tx, wanted, 'positions' in body ? body.positions : undefined));
    parts.subscriptions.kick(wanted);
    return { written: { uid }, result: count };
  });
}

async function show({ subscriptions, eventLog, database }: SubscriptionCommandsParts, caller: Caller, declaration: Declaration): Promise<ShownSubscription> {
  const { name: itself, subscription } = declaration;
  const stopped = subscriptions.stoppedBecause(itself);
  const { firstPending, pending, deadLetters, lastSuccess, lastFailure, failure, fullSince } = await deliveryState(database, itself);
  const { position: head } = await eventLog.head();
  const position = firstPending === undefined ? subscriptions.position() : firstPending - 1;
  const mayChange = caller.rights.may('subscriptions', 'update', itself);
  return {
    name: itself,
    ...(subscription === undefined
      ? {}
      : { url: mayChange ? subscription.url : originOf(subscription.url), filter: subscription.filterBody, subject: subscription.subject }),
    ...(stopped === undefined ? {} : { stopped }),
    position,
    lag: Math.max(0, head - position),
    pending,
    deadLetters,
    ...(fullSince === undefined ? {} : { full: fullReason(fullSince) }),
    ...(lastSuccess === undefined ? {} : { lastSuccess }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(failure === undefined ? {} : { failure }),
  };
}

const newKey = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** Says in which field of the request it is. */
function inField<R>(field: string, work: () => R): R {
  try {
    return work();
  } catch (error) {
    if (AppError.is(error) && error.code === 'invalid-argument') throw new AppError('invalid-argument', `${field}: ${error.message}`, { cause: error });
    throw error;
  }
}

const originOf = (text: string): string => (URL.canParse(text) ? new URL(text).origin : '');
