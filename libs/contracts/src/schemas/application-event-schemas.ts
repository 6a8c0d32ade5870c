import { z } from 'zod';
import { applicationSpecSchema, operationInitiatorSchema, syncOperationSchema } from './resource-schemas.ts';

/** Data of the events of a stream `application-…`, by type, as the current version of each has it. */
const syncStatus = z.enum(['Synced', 'OutOfSync', 'Unknown']);
const healthStatus = z.enum(['Healthy', 'Suspended', 'Progressing', 'Missing', 'Degraded', 'Unknown']);
const operationPhase = z.enum(['Running', 'Terminating', 'Succeeded', 'Failed', 'Error']);
const syncPhase = z.enum(['PreSync', 'Sync', 'PostSync', 'SyncFail']);
export const sourceTypeSchema = z.enum(['Directory', 'Kustomize', 'Helm']);

const resourceRef = z.object({ group: z.string(), version: z.string(), kind: z.string(), namespace: z.string(), name: z.string() });
const step = { phase: syncPhase, wave: z.number() };
const failureStepHead = z.object({ ...step, resources: z.number() });
const stepHead = failureStepHead.extend({ prunes: z.union([z.number(), z.literal('last')]).optional() });
const attempt = { operationId: z.string(), attempt: z.number() };

const resourceResult = resourceRef.extend({
  status: z.enum(['Synced', 'SyncFailed', 'Pruned', 'PruneSkipped']),
  message: z.string(),
  syncPhase,
  hookType: syncPhase.optional(),
  hookPhase: operationPhase.optional(),
  images: z.array(z.string()).optional(),
  takenOverFrom: z.array(z.string()).optional(),
});

const fieldOwnership = z.object({ manager: z.string(), operation: z.enum(['Apply', 'Update']), subresource: z.string().optional(), at: z.string().optional() });

const driftedResource = resourceRef.extend({
  drift: z.enum(['changed', 'missing', 'extra']),
  fields: z.array(z.string()),
  manager: z.string().optional(),
  owners: z.array(z.array(fieldOwnership)).optional(),
  ignored: z.array(z.object({ field: z.string(), rule: z.string() })).optional(),
  refused: z.string().optional(),
});

const resourceComparison = resourceRef.extend({
  status: syncStatus,
  requiresPruning: z.boolean().optional(),
  hook: z.boolean().optional(),
  syncWave: z.number().optional(),
  missing: z.boolean().optional(),
  finished: z.string().optional(),
  requiresDeletionConfirmation: z.boolean().optional(),
});

export const applicationEventSchemas = {
  ApplicationDeclared: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    project: z.string(),
    spec: applicationSpecSchema,
    specHash: z.string(),
    sealedSpec: z.string(),
  }),
  ApplicationDeleted: z.object({ cascaded: z.boolean() }),
  ApplicationDeletionStarted: z.object({ cascade: z.boolean(), resources: z.number() }),
  DeletionHooksEnded: z.object({
    phase: z.enum(['PreDelete', 'PostDelete']),
    wave: z.number(),
    hooks: z.array(resourceRef.extend({ status: z.enum(['Succeeded', 'Failed']), message: z.string() })),
    retryAt: z.string().optional(),
  }),
  ResourcesCompared: z.object({ revision: z.string(), resources: z.array(resourceComparison), gone: z.array(z.string()) }),
  ApplicationCompared: z.object({
    revision: z.string(),
    manifestSet: z.string(),
    sourceType: sourceTypeSchema,
    status: syncStatus,
    resources: z.array(resourceComparison),
    changesOnly: z.boolean().optional(),
    gone: z.array(z.string()).optional(),
    images: z.array(z.string()),
    externalUrls: z.array(z.string()).optional(),
    hooks: z.array(resourceRef).optional(),
    conditions: z.array(z.object({ type: z.string(), message: z.string() })),
  }),
  ComparisonFailed: z.object({
    revision: z.string().optional(),
    condition: z.enum(['ComparisonError', 'InvalidSpecError']),
    code: z.string(),
    message: z.string(),
    file: z.string().optional(),
    line: z.number().optional(),
  }),
  DriftDetected: z.object({
    revision: z.string(),
    resources: z.array(driftedResource),
    more: z.number(),
  }),
  HealthChanged: z.object({
    status: healthStatus,
    message: z.string().optional(),
    resources: z.array(resourceRef.extend({ health: healthStatus.optional(), message: z.string().optional() })),
    gone: z.array(z.string()),
  }),
  SyncRequested: z.object({
    operationId: z.string(),
    trigger: z.enum(['automated', 'self-heal', 'manual']),
    initiatedBy: operationInitiatorSchema,
    revision: z.string(),
    manifestSet: z.string(),
    operation: syncOperationSchema,
    retryLimit: z.number(),
    backoff: z.object({ durationMs: z.number(), factor: z.number(), maxDurationMs: z.number() }),
    info: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
    refresh: z.boolean().optional(),
  }),
  SyncStarted: z.object({ ...attempt, steps: z.array(stepHead), onFailure: z.array(failureStepHead).optional() }),
  SyncFailPhaseStarted: z.object({ ...attempt, message: z.string(), canRetry: z.boolean() }),
  SyncStepCompleted: z.object({ ...attempt, step: z.number(), ...step, results: z.array(resourceResult) }),
  SyncApplied: z.object({ operationId: z.string(), healthUntil: z.string().optional() }),
  SyncConfirmationRequested: z.object({ operationId: z.string(), message: z.string() }),
  SyncResumed: z.object({ operationId: z.string() }),
  SyncTerminationRequested: z.object({ operationId: z.string() }),
  SyncSucceeded: z.object({ operationId: z.string(), revision: z.string(), message: z.string() }),
  SyncFailed: z.object({ operationId: z.string(), phase: z.enum(['Failed', 'Error']), message: z.string() }),
  SyncRetryScheduled: z.object({ ...attempt, at: z.string(), message: z.string() }),
  AutoSyncSkipped: z.object({
    revision: z.string(),
    code: z.enum(['would-prune-everything', 'already-failed', 'project']),
    message: z.string(),
  }),
  LateWriteDetected: z.object({ resource: resourceRef, resourceVersion: z.string(), epoch: z.number() }),
};
