import type { AppError } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import type { ApplicationSyncOptions, KubeObject } from '@plumbline/manifests';
import type { Judge } from '../compare/judge.ts';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import type { HookRun } from './hooks.ts';

/** What the steps of one operation are done with. */
export interface StepContext {
  kube: KubeClient;
  judge: Judge;
  operation: Pick<OperationRecord, 'operation' | 'requestedAt' | keyof HookRun>;
  instance: string;
  options: ApplicationSyncOptions;
  /** Somebody approved deletions that have to be confirmed, at this moment (RFC 3339). */
  deletionApprovedAt?: string;
  desired(object: KubeObject): DesiredObject;
  live(key: string): KubeObject | undefined;
  /** Whether the cluster has an object of this key, of whomever. */
  exists(key: string): boolean;
  /** Why the project forbids an object, if it does: asked immediately before each write. */
  forbidden(object: KubeObject): string | undefined;
  /** What is wrong with an object of a kind that the cluster doesn't have (argocd-compat B017). */
  unknownKind(object: KubeObject): AppError | undefined;
  /** Whether an application of that instance name exists. */
  isApplication(instance: string): boolean;
  /** A Job that has done what this manifest asks for and is gone: a whole sync doesn't run it again (U15). */
  isDoneAndGone(desired: DesiredObject): boolean;
  /** Throws when this process may not write to the cluster any more. */
  assertOwner(): void;
  observe(object: KubeObject): void;
}
