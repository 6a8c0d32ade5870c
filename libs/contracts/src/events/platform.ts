import type { AppProjectSpec } from '../app-project.ts';
import type { SourceType } from './application.ts';

/** Stream `repository-<id>`, id = first 16 hex digits of SHA-256 of the normalised URL. Written by repo-watcher only. */
export type RepositoryEvent =
  | { type: 'RepositoryRegistered'; data: { repository: string; url: string } }
  /** `ref` is what the user typed (HEAD, a branch, a tag, a range, a commit); `tree` is the commit's root tree. */
  | {
      type: 'RevisionObserved';
      data: { repository: string; url: string; ref: string; commit: string; tree: string; author?: string; date?: string; message?: string };
    }
  | { type: 'RefUnresolved'; data: { repository: string; url: string; ref: string; message: string } }
  | { type: 'RepositoryUnreachable'; data: { repository: string; url: string; message: string } }
  | { type: 'RepositoryRecovered'; data: { repository: string; url: string } }
  /** No application names it any more; its mirror is removed. */
  | { type: 'RepositoryForgotten'; data: { repository: string; url: string } };

/** Stream `manifests-<address>`. Written by renderer only; a hit in the store is not an event. */
export type ManifestsEvent =
  | {
      type: 'ManifestsRendered';
      data: {
        application: string;
        repository: string;
        commit: string;
        path: string;
        address: string;
        manifestSet: string;
        sourceType: SourceType;
        objects: number;
        durationMs: number;
      };
    }
  | {
      type: 'RenderFailed';
      data: {
        application: string;
        repository: string;
        commit: string;
        path: string;
        address: string;
        code: string;
        message: string;
        file?: string;
        line?: number;
      };
    };

/** Stream `project-<name>/<uid>`; stream `policy-rbac`; stream `account-<name>`. Written by rbac only. */
export type AccessEvent =
  | { type: 'ProjectDeclared'; data: { namespace: string; name: string; uid: string; spec: AppProjectSpec } }
  | { type: 'ProjectDeleted'; data: { namespace: string; name: string; uid: string } }
  /** argocd-rbac-cm as it now is. */
  | { type: 'PolicyChanged'; data: { csv: string; defaultRole: string; scopes: string[]; matchMode: 'glob' | 'regex' } }
  | { type: 'TokenIssued'; data: { subject: string; tokenId: string; expiresAt: string } }
  | { type: 'TokenRevoked'; data: { subject: string; tokenId: string } };

/** Stream `command-<id>`. Written by api only. */
export type CommandEvent =
  | { type: 'CommandAccepted'; data: { command: string; target: string; from: string; parameters: Readonly<Record<string, unknown>> } }
  | { type: 'CommandDone'; data: { command: string; outcome: 'done' | 'failed'; uid?: string; resourceVersion?: string; message?: string } };

/** Stream `service-<name>/<instance>`. Written by each service about itself, and by whoever supervises it. */
export type ServiceEvent =
  | { type: 'ServiceStarted'; data: { service: string; instance: string; pid: number; version: string } }
  | { type: 'ServiceExited'; data: { service: string; instance: string; pid: number; code: number | null; signal: string | null; restartInMs: number } }
  /** Tables of a projection beside what the log makes of them, at the same position; `sample` has tables and primary keys only. */
  | { type: 'ProjectionCompared'; data: { consumer: string; position: number; rows: number; differences: number; sample: string[] } }
  /** Somebody had the tables made anew from the log; `parked` streams could not be applied. */
  | { type: 'ProjectionRebuilt'; data: { consumer: string; position: number; parked: number } }
  /** An event that a consumer could not apply was tried again: it and what waited behind it is applied, up to the next that fails. */
  | { type: 'ParkedEventRetried'; data: ParkedEvent }
  /** It is left out, for this consumer, for good. */
  | { type: 'ParkedEventSkipped'; data: ParkedEvent & { reason: string } };

export interface ParkedEvent {
  consumer: string;
  stream: string;
  position: number;
  event: string;
}

/** Stream `log-heads`. Written by api each hour in which something happened, and by `plumb log sign`. */
export type LogEvent = {
  type: 'LogHeadSigned';
  /** `hash`: of the chain at `position`, hexadecimal. `signature`: Ed25519, base64, by the key with this id. */
  data: { position: number; hash: string; generation: string; keyId: string; signature: string };
};

/** Stream `subscription-<name>`. Written by api only; what a receiver is sent and answers is never part of it. */
export type SubscriptionEvent =
  /** Deliveries stopped until somebody enables it again. */
  | { type: 'SubscriptionDisabled'; data: { name: string; uid: string; reason: string } }
  /** At most one per subscription and minute: the event that was given up on first in that minute. */
  | { type: 'DeliveryDeadLettered'; data: { name: string; uid: string; position: number; eventId: string; reason: string; tries: number } };
