import { AppError } from '@plumbline/contracts';
import type { Logger } from '@plumbline/contracts';
import type { EventLog, SqlExecutor } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import type { ServiceContext } from '@plumbline/platform';
import { limits } from '../limits.ts';
import { readDeclaration, secretReference, secretType, secretTypeLabel } from './declaration.ts';
import type { Declaration } from './declaration.ts';
import { enqueue, isWanted } from './delivery-table.ts';

export interface RegisterParts {
  kube: KubeClient;
  namespace: string;
  eventLog: EventLog;
  database: SqlExecutor;
  transaction: ServiceContext['transaction'];
  log: Logger;
  /** Something of it may be deliverable now. */
  changed: (name: string) => void;
}

/** Subscriptions as the Secrets declare them, and their rows beside the consumer's checkpoints. */
export interface Register {
  isKnown(): boolean;
  find(name: string): Declaration | undefined;
  all(): Declaration[];
  /** A Secret as it is known to be now, before the watch tells it. */
  take(object: KubeObject): Declaration;
  forget(name: string, uid: string): void;
  /** Resolves when the rows are as the Secrets say. */
  reconcile(): Promise<void>;
  stop(): Promise<void>;
}

export function watchSubscriptions(parts: RegisterParts): Register {
  const declared = new Map<string, Declaration>();
  const { kube, namespace, log } = parts;
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();
  const reconcile = (): Promise<void> => {
    running = running.then(() => (isStopped || !watch.hasSynced() ? undefined : reconcileAll(parts, declared)));
    running = running.catch((error: unknown) =>
      log.warn('subscriptions could not be brought up to date; tried again', { error: AppError.from(error).message }),
    );
    return running;
  };
  const take = (object: KubeObject): Declaration => {
    const declaration = readDeclaration(object, namespace);
    if (declared.size < limits.subscriptionsMax || declared.has(declaration.name)) declared.set(declaration.name, declaration);
    else log.error('too many subscriptions: this one is not served', { subscription: declaration.name, max: limits.subscriptionsMax });
    if (watch.hasSynced()) void reconcile();
    return declaration;
  };
  const forget = (name: string, uid: string): void => {
    if (declared.get(name)?.uid === uid) declared.delete(name);
    void reconcile();
  };
  const watch = kube.watch({
    group: '',
    version: 'v1',
    kind: 'Secret',
    namespace,
    labelSelector: `${secretTypeLabel}=${secretType}`,
    listener: {
      upsert: (object) => void take(object),
      remove: ({ metadata }) => forget(metadata.name, metadata.uid ?? ''),
      synced: () => void setImmediate(() => void reconcile()),
    },
  });
  return {
    isKnown: () => watch.hasSynced(),
    find: (name) => declared.get(name),
    all: () => [...declared.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    take,
    forget,
    reconcile,
    stop: async () => {
      isStopped = true;
      await watch.stop();
      await running;
    },
  };
}

async function reconcileAll(parts: RegisterParts, declared: ReadonlyMap<string, Declaration>): Promise<void> {
  await removeRows(parts, declared);
  for (const declaration of declared.values()) {
    if (declaration.subscription === undefined) continue;
    await declareRow(parts, declaration);
    await fill(parts, declaration);
    parts.changed(declaration.name);
  }
}

/** What this replica's watch does not know may be new: the API server is asked before anything is given up. */
async function removeRows({ kube, namespace, database }: RegisterParts, declared: ReadonlyMap<string, Declaration>): Promise<void> {
  const uids = [...declared.values()].map(({ uid }) => uid);
  const rows = await database.query<{ name: string; uid: string }>('select name, uid from event_subscription where not (uid = any($1::text[]))', [uids]);
  for (const { name, uid } of rows) {
    const object = await kube.get(secretReference(namespace, name));
    const isThere = object?.metadata.uid === uid && object.metadata.labels?.[secretTypeLabel] === secretType;
    if (!isThere) await database.query('delete from event_subscription where name = $1 and uid = $2', [name, uid]);
  }
}

async function declareRow({ eventLog, database }: RegisterParts, { name, uid, subscription }: Declaration): Promise<void> {
  if (subscription === undefined) return;
  const { position: head, generation } = await eventLog.head();
  const filter = JSON.stringify(subscription.filter);
  await database.query(
    `insert into event_subscription (name, uid, filter, from_position, generation) values ($1, $2, $3::jsonb, $4, $5)
     on conflict (name) do update set filter = excluded.filter where event_subscription.filter <> excluded.filter`,
    [name, uid, filter, subscription.from === undefined ? head : subscription.from - 1, generation],
  );
}

/** Puts events aside; see `subscriptions.ts`. */
export const consumerName = 'api.subscriptions';

/**
 * The log was recovered from an older copy: positions after the one up to which nothing changed mean other events now, so
 * what was told to begin or was filled beyond it begins where the consumer does, whose checkpoints are moved already. To be
 * called in the consumer's own transaction, before it goes on in the new generation.
 */
export async function adoptGeneration(tx: SqlExecutor): Promise<void> {
  const [at] = await tx.query<{ generation: string; position: string }>(
    'select generation, max(position) as position from checkpoint where consumer = $1 group by generation order by 2 desc limit 1',
    [consumerName],
  );
  if (at === undefined) return;
  await tx.query(`update event_subscription set generation = $1 where generation = ''`, [at.generation]);
  await tx.query(
    `update event_subscription set generation = $1, from_position = least(from_position, $2), filled_to = case when filled_to > $2 then $2 else filled_to end
     where generation <> $1`,
    [at.generation, at.position],
  );
}

/**
 * Puts aside what it wants of the past. The end is drawn once, after its row could be seen: the transactions of the
 * consumer lock the row, so what one of them missed is before the end, and what comes after the end none misses.
 */
async function fill(parts: RegisterParts, declaration: Declaration): Promise<void> {
  const { eventLog, database } = parts;
  const { name, uid } = declaration;
  const head = await eventLog.head();
  await database.query('update event_subscription set filled_to = greatest($3, from_position) where name = $1 and uid = $2 and filled_to is null', [
    name,
    uid,
    head.position,
  ]);
  for (;;) {
    const [row] = await database.query<{ from_position: string; filled_to: string }>(
      'select from_position, filled_to from event_subscription where name = $1 and uid = $2 and from_position < filled_to',
      [name, uid],
    );
    if (row === undefined) return;
    await fillPage(parts, declaration, { from: Number(row.from_position), to: Number(row.filled_to) });
  }
}

async function fillPage(parts: RegisterParts, { name, uid, subscription }: Declaration, { from, to }: { from: number; to: number }): Promise<void> {
  const filter = subscription?.filter ?? {};
  const page = await parts.eventLog.readFeed({ after: from, limit: limits.subscriptionFillEvents }).catch((error: unknown) => {
    // What was exported and dropped can't be delivered: it begins with the oldest that is kept.
    const oldest = AppError.is(error) && error.code === 'gone' ? Number(error.details['oldest']) : Number.NaN;
    if (Number.isNaN(oldest) || oldest <= from + 1) throw error;
    return { events: [], next: Math.min(oldest - 1, to) };
  });
  const events = page.events.filter((event) => event.position <= to);
  const reached = 'next' in page ? page.next : (events.at(-1)?.position ?? to);
  await parts.transaction(async (tx) => {
    const moved = await tx.query('update event_subscription set from_position = $4 where name = $1 and uid = $2 and from_position = $3 returning 1', [
      name,
      uid,
      from,
      reached,
    ]);
    if (moved.length === 0) return;
    const wanted = events.filter((event) => isWanted({ name, filter }, event));
    await enqueue(tx, name, wanted);
  });
}
