import type { BlobStore } from '@plumbline/blobs';
import type { Bus } from '@plumbline/bus';
import type { Clock } from '@plumbline/contracts';
import type { AccessModel } from './access/access-model.ts';
import type { Caller } from './access/authentication.ts';
import type { ApplicationCommands } from './applications/application-commands.ts';
import type { Catalogue } from './applications/catalogue.ts';
import type { EventPageParts } from './events/event-page.ts';
import type { ChainedLog, EventLog } from '@plumbline/event-log';
import type { EventTail } from './events/event-tail.ts';
import type { Watchers } from './events/watchers.ts';
import type { History } from './history/history.ts';
import type { SubscriptionCommands } from './subscriptions/subscription-commands.ts';
import type { WebhookRequest } from './webhook/webhooks.ts';

/** Everything that the controllers need. */
export interface Door {
  namespace: string;
  version: string;
  clock: Clock;
  shutdown: AbortSignal;
  catalogue: Catalogue;
  access: AccessModel;
  commands: ApplicationCommands;
  blobs: BlobStore;
  bus: Bus;
  events: EventPageParts & { eventLog: EventLog & ChainedLog };
  /** The end of the log, for all who follow it. */
  tail: EventTail;
  watchers: Watchers;
  /** Records that somebody takes a copy of the log. */
  noteExport: (request: { caller: Caller; from: string; parameters: Readonly<Record<string, unknown>> }) => Promise<void>;
  history: History;
  takeWebhook: (request: WebhookRequest) => Promise<void>;
  /** @throws AppError `unauthenticated` */
  authenticate: (token: string | undefined) => Promise<Caller>;
  /** The model of access has passed everything that is in the log now. */
  awaitHead: () => Promise<void>;
  signCaller: (caller: Caller, audience: string) => Promise<string>;
  subscriptions: SubscriptionCommands;
}

/** Injection token. */
export const DOOR = Symbol('door');
