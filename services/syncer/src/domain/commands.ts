import type {
  ApplicationId,
  ApplicationSpec,
  DeletionHookPhase,
  DeletionHookResult,
  DriftedResource,
  HealthStatusCode,
  OperationInfo,
  OperationInitiator,
  ResourceHealth,
  ResourceRef,
  ResourceResult,
  RetryStrategy,
  SyncOperation,
  SyncPolicy,
  SyncStepHead,
} from '@plumbline/contracts';
import type { Comparison } from './state.ts';

export type ApplicationCommand =
  | { type: 'DeclareApplication'; id: ApplicationId; project: string; spec: ApplicationSpec; specHash: string; sealedSpec: string }
  /** `isPointerDeferred`: when nothing but the commit is new, the sweep records it later. */
  | { type: 'RecordComparison'; comparison: Comparison; drift: readonly DriftedResource[]; isPointerDeferred?: boolean }
  | {
      type: 'RecordComparisonFailure';
      failure: { revision?: string; condition: 'ComparisonError' | 'InvalidSpecError'; code: string; message: string; file?: string; line?: number };
    }
  /** All resources that have a health now. */
  | { type: 'RecordHealth'; status: HealthStatusCode; message?: string; resources: readonly ResourceHealth[] }
  /** Somebody set `.operation`. */
  | {
      type: 'RequestSync';
      operationId: string;
      initiatedBy: OperationInitiator;
      revision: string;
      manifestSet: string;
      operation: SyncOperation;
      info?: readonly OperationInfo[];
      retry: RetryStrategy | undefined;
      allowEmpty: boolean;
    }
  /**
   * The automated policy looks at the last comparison. `mayInterrupt`: the sync that runs waits for nothing but health, so
   * a newer commit may take its place.
   */
  | { type: 'AutoSync'; operationId: string; policy: SyncPolicy | undefined; now: number; mayInterrupt?: boolean }
  /** `drift`: how live objects differ from the last revision that could be rendered. */
  | { type: 'HealLastGood'; operationId: string; policy: SyncPolicy | undefined; drift: readonly DriftedResource[]; now: number }
  | { type: 'StartSync'; operationId: string; attempt: number; steps: readonly SyncStepHead[]; onFailure: readonly SyncStepHead[] }
  | {
      type: 'CompleteStep';
      operationId: string;
      attempt: number;
      step: number;
      results: readonly ResourceResult[];
      now: number;
      canRetry: boolean;
      /** The whole operation was refused before anything of it was done: why. */
      refusal?: string;
      /** After the last step, of what was applied; absent: the sync doesn't wait for it. */
      health?: AwaitedHealth;
    }
  /** The operation is applied and waits for this. */
  | { type: 'JudgeHealth'; operationId: string; health: AwaitedHealth; now: number }
  /** The next step waits until somebody confirms what it deletes. */
  | { type: 'RequestConfirmation'; operationId: string; message: string }
  /** Nothing that the next step does has to be confirmed any more. */
  | { type: 'ResumeSync'; operationId: string }
  /** Somebody wants the operation to end. */
  | { type: 'TerminateSync'; operationId: string }
  | { type: 'FailSync'; operationId: string; phase: 'Failed' | 'Error'; message: string; now: number; canRetry: boolean }
  /** A request of the cluster's former owner landed after the take-over. */
  | { type: 'RecordLateWrite'; resource: ResourceRef; resourceVersion: string; epoch: number }
  | { type: 'StartDeletion'; cascade: boolean; resources: number }
  /** All hooks of this wave have ended, or one has failed. */
  | { type: 'EndDeletionHooks'; phase: DeletionHookPhase; wave: number; hooks: readonly DeletionHookResult[]; now: number }
  | { type: 'ForgetApplication'; cascaded: boolean };

/** Health that the end of a sync waits for. */
export interface AwaitedHealth {
  status: HealthStatusCode;
  message?: string;
  /** How long it is waited for, from the moment at which everything was applied. */
  timeoutMs: number;
}
