import type { ApplicationSpec, OperationInfo, OperationInitiator, SyncOperation } from '../application.ts';

/** Stream `application-<namespace>/<name>/<uid>`: a re-created name is a new stream. Written by syncer only. */
export interface ApplicationId {
  namespace: string;
  name: string;
  uid: string;
}

export const applicationStream = (id: ApplicationId): string => `application-${id.namespace}/${id.name}/${id.uid}`;

export function parseApplicationStream(stream: string): ApplicationId | undefined {
  const match = /^application-([^/]+)\/([^/]+)\/([^/]+)$/.exec(stream);
  return match === null ? undefined : { namespace: match[1]!, name: match[2]!, uid: match[3]! };
}

export type SyncStatusCode = 'Synced' | 'OutOfSync' | 'Unknown';
export type HealthStatusCode = 'Healthy' | 'Suspended' | 'Progressing' | 'Missing' | 'Degraded' | 'Unknown';
export type OperationPhase = 'Running' | 'Terminating' | 'Succeeded' | 'Failed' | 'Error';
export type SyncPhase = 'PreSync' | 'Sync' | 'PostSync' | 'SyncFail';
export type DeletionHookPhase = 'PreDelete' | 'PostDelete';
export type ResultCode = 'Synced' | 'SyncFailed' | 'Pruned' | 'PruneSkipped';
export type SourceType = 'Directory' | 'Kustomize' | 'Helm';
export type SyncTrigger = 'automated' | 'self-heal' | 'manual';

export interface ResourceRef {
  group: string;
  version: string;
  kind: string;
  /** Empty for a cluster-scoped object. */
  namespace: string;
  name: string;
}

/** `group/Kind/namespace/name`: an object's identity in a cluster, whatever the version it is read in. */
export const resourceRefKey = (ref: Omit<ResourceRef, 'version'>): string => `${ref.group}/${ref.kind}/${ref.namespace}/${ref.name}`;

export interface ResourceComparison extends ResourceRef {
  status: SyncStatusCode;
  requiresPruning?: boolean;
  hook?: boolean;
  syncWave?: number;
  /** It is wanted, and nothing of it is in the cluster. */
  missing?: boolean;
  /** A Job that goes by itself has succeeded: hash of the manifest by which it was made. */
  finished?: string;
  /** It is deleted or pruned only after somebody confirmed it (argocd-compat B023). */
  requiresDeletionConfirmation?: boolean;
}

export interface ResourceHealth extends ResourceRef {
  /** Absent: the kind has no health check. */
  health?: HealthStatusCode;
  message?: string;
}

export interface ResourceResult extends ResourceRef {
  status: ResultCode;
  message: string;
  syncPhase: SyncPhase;
  hookType?: SyncPhase;
  hookPhase?: OperationPhase;
  images?: string[];
  /** Field managers that owned something of it before and no longer do, at most 3. */
  takenOverFrom?: string[];
}

export interface ApplicationCondition {
  /** Ends in Error, Warning or Info (Argo CD's ApplicationConditionType). */
  type: string;
  message: string;
}

export interface DriftedResource extends ResourceRef {
  drift: 'changed' | 'missing' | 'extra';
  /** JSON pointers of what differs, at most 20. */
  fields: string[];
  /** Field manager that last changed one of them, where managedFields tell. */
  manager?: string;
  /** Of `fields`, in their order: who owns each in the live object, latest first, at most 3. Empty where nobody does. */
  owners?: FieldOwnership[][];
  /** What differs as well and is ignored, with the rule that says so, at most 20. */
  ignored?: { field: string; rule: string }[];
  /** The API server refuses the manifest: why. `fields` are foretold without its word. */
  refused?: string;
}

/** An entry of an object's managedFields, as far as it owns a field. */
export interface FieldOwnership {
  manager: string;
  operation: 'Apply' | 'Update';
  /** Written through `scale`, `status` … */
  subresource?: string;
  /** When this manager last changed something of what it owns. */
  at?: string;
}

/** What became of a hook of a deletion. */
export interface DeletionHookResult extends ResourceRef {
  status: 'Succeeded' | 'Failed';
  message: string;
}

/** A step of a sync as its start records it. */
export interface SyncStepHead {
  phase: SyncPhase;
  wave: number;
  resources: number;
  /**
   * Sync wave of the objects that it prunes, which go in reversed waves; `last`: those that want to go after everything
   * else. Absent: it prunes nothing.
   */
  prunes?: number | 'last';
}

export type ApplicationEvent =
  /** First sight, and each change of what is wanted. `spec` is redacted; `sealedSpec` is the blob with the full one. */
  | { type: 'ApplicationDeclared'; data: ApplicationId & { project: string; spec: ApplicationSpec; specHash: string; sealedSpec: string } }
  /** The Application object is gone. */
  | { type: 'ApplicationDeleted'; data: { cascaded: boolean } }
  /** The deletion of the Application and, if cascading, of its objects began. */
  | { type: 'ApplicationDeletionStarted'; data: { cascade: boolean; resources: number } }
  /** A wave of hooks of the deletion is over. `retryAt`: one of them failed, and what failed runs again then. */
  | { type: 'DeletionHooksEnded'; data: { phase: DeletionHookPhase; wave: number; hooks: DeletionHookResult[]; retryAt?: string } }
  /**
   * A share of a comparison that one event has no room for: the objects that are judged otherwise than before, and the keys
   * of those that are no longer part of it. The ApplicationCompared that it belongs to follows in the same append.
   */
  | { type: 'ResourcesCompared'; data: { revision: string; resources: ResourceComparison[]; gone: string[] } }
  /** The judgement of difference changed, or the revision or manifest set that it is about. */
  | {
      type: 'ApplicationCompared';
      data: {
        revision: string;
        manifestSet: string;
        sourceType: SourceType;
        status: SyncStatusCode;
        /** All of them; with `changesOnly` those that are judged otherwise than the stream had it, the rest is as it was. */
        resources: ResourceComparison[];
        changesOnly?: boolean;
        /** With `changesOnly`: keys (group/Kind/namespace/name) of objects that are no longer part of it. */
        gone?: string[];
        /** Container images of what is wanted (status.summary). */
        images: string[];
        /** Addresses that people can open, of live objects (status.summary). */
        externalUrls?: string[];
        /** Hooks of the manifests, those without a name left out. They are not compared and do not count. */
        hooks?: ResourceRef[];
        conditions: ApplicationCondition[];
      };
    }
  /** What is wanted can't be known or compared: bad source, bad manifest, forbidden, unknown kind. */
  | {
      type: 'ComparisonFailed';
      data: { revision?: string; condition: 'ComparisonError' | 'InvalidSpecError'; code: string; message: string; file?: string; line?: number };
    }
  /** Live objects left the desired state without a new revision. Healed objects are in the sync that healed them. */
  | { type: 'DriftDetected'; data: { revision: string; resources: DriftedResource[]; more: number } }
  /**
   * `resources` are the changed ones only; `gone` are keys (group/Kind/namespace/name) that left. Many changes come in
   * several of these, with the same judgement.
   */
  | { type: 'HealthChanged'; data: { status: HealthStatusCode; message?: string; resources: ResourceHealth[]; gone: string[] } }
  | {
      type: 'SyncRequested';
      data: {
        operationId: string;
        trigger: SyncTrigger;
        initiatedBy: OperationInitiator;
        /** Commit. */
        revision: string;
        manifestSet: string;
        /** Redacted like the spec. */
        operation: SyncOperation;
        retryLimit: number;
        backoff: { durationMs: number; factor: number; maxDurationMs: number };
        /** Notes of whoever asked for it, as they were given. */
        info?: OperationInfo[];
        /** A retry is of the newest commit (`retry.refresh`). */
        refresh?: boolean;
      };
    }
  /** `onFailure`: steps of the SyncFail phase, done when a step fails. */
  | { type: 'SyncStarted'; data: { operationId: string; attempt: number; steps: SyncStepHead[]; onFailure?: Omit<SyncStepHead, 'prunes'>[] } }
  | { type: 'SyncStepCompleted'; data: { operationId: string; attempt: number; step: number; phase: SyncPhase; wave: number; results: ResourceResult[] } }
  /** A step failed, and SyncFail hooks have their turn before the attempt ends with this message. */
  | { type: 'SyncFailPhaseStarted'; data: { operationId: string; attempt: number; message: string; canRetry: boolean } }
  /** All steps are done. `healthUntil`: it is not healthy yet, and the operation waits for that until then. */
  | { type: 'SyncApplied'; data: { operationId: string; healthUntil?: string } }
  /** The next step would delete what has to be confirmed first: the operation waits, and `message` says for what. */
  | { type: 'SyncConfirmationRequested'; data: { operationId: string; message: string } }
  /** It waits no more: somebody confirmed it, or nothing is left that has to be confirmed. */
  | { type: 'SyncResumed'; data: { operationId: string } }
  /** Somebody ends the operation: nothing more is begun, hooks that run are deleted. */
  | { type: 'SyncTerminationRequested'; data: { operationId: string } }
  | { type: 'SyncSucceeded'; data: { operationId: string; revision: string; message: string } }
  | { type: 'SyncFailed'; data: { operationId: string; phase: 'Failed' | 'Error'; message: string } }
  | { type: 'SyncRetryScheduled'; data: { operationId: string; attempt: number; at: string; message: string } }
  /**
   * A change under our name that the owner of the cluster, in this epoch, did not make: a request of the former owner was
   * in flight at the take-over. The object is compared like any other; this says where the change came from.
   */
  | { type: 'LateWriteDetected'; data: { resource: ResourceRef; resourceVersion: string; epoch: number } }
  /** An automated sync that was not started, and why (SyncError condition). */
  | { type: 'AutoSyncSkipped'; data: { revision: string; code: 'would-prune-everything' | 'already-failed' | 'project'; message: string } };

export type ApplicationEventType = ApplicationEvent['type'];
