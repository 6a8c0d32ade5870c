import { z } from 'zod';
import { sourceTypeSchema } from './application-event-schemas.ts';
import { appProjectSpecSchema } from './resource-schemas.ts';

/** Data of all other events, by type, as the current version of each has it. */
const repository = { repository: z.string(), url: z.string() };
const rendering = { application: z.string(), repository: z.string(), commit: z.string(), path: z.string(), address: z.string() };
const project = { namespace: z.string(), name: z.string(), uid: z.string() };
const parkedEvent = { consumer: z.string(), stream: z.string(), position: z.number(), event: z.string() };
const instance = { service: z.string(), instance: z.string(), pid: z.number() };

export const platformEventSchemas = {
  RepositoryRegistered: z.object(repository),
  RevisionObserved: z.object({
    ...repository,
    ref: z.string(),
    commit: z.string(),
    tree: z.string(),
    author: z.string().optional(),
    date: z.string().optional(),
    message: z.string().optional(),
  }),
  RefUnresolved: z.object({ ...repository, ref: z.string(), message: z.string() }),
  RepositoryUnreachable: z.object({ ...repository, message: z.string() }),
  RepositoryRecovered: z.object(repository),
  RepositoryForgotten: z.object(repository),
  ManifestsRendered: z.object({ ...rendering, manifestSet: z.string(), sourceType: sourceTypeSchema, objects: z.number(), durationMs: z.number() }),
  RenderFailed: z.object({ ...rendering, code: z.string(), message: z.string(), file: z.string().optional(), line: z.number().optional() }),
  ProjectDeclared: z.object({ ...project, spec: appProjectSpecSchema }),
  ProjectDeleted: z.object(project),
  PolicyChanged: z.object({ csv: z.string(), defaultRole: z.string(), scopes: z.array(z.string()), matchMode: z.enum(['glob', 'regex']) }),
  TokenIssued: z.object({ subject: z.string(), tokenId: z.string(), expiresAt: z.string() }),
  TokenRevoked: z.object({ subject: z.string(), tokenId: z.string() }),
  CommandAccepted: z.object({ command: z.string(), target: z.string(), from: z.string(), parameters: z.record(z.string(), z.unknown()) }),
  CommandDone: z.object({
    command: z.string(),
    outcome: z.enum(['done', 'failed']),
    uid: z.string().optional(),
    resourceVersion: z.string().optional(),
    message: z.string().optional(),
  }),
  ServiceStarted: z.object({ ...instance, version: z.string() }),
  ServiceExited: z.object({ ...instance, code: z.number().nullable(), signal: z.string().nullable(), restartInMs: z.number() }),
  LogHeadSigned: z.object({ position: z.number(), hash: z.string(), generation: z.string(), keyId: z.string(), signature: z.string() }),
  SubscriptionDisabled: z.object({ name: z.string(), uid: z.string(), reason: z.string() }),
  DeliveryDeadLettered: z.object({
    name: z.string(),
    uid: z.string(),
    position: z.number(),
    eventId: z.string(),
    reason: z.string(),
    tries: z.number(),
  }),
  ProjectionCompared: z.object({ consumer: z.string(), position: z.number(), rows: z.number(), differences: z.number(), sample: z.array(z.string()) }),
  ProjectionRebuilt: z.object({ consumer: z.string(), position: z.number(), parked: z.number() }),
  ParkedEventRetried: z.object(parkedEvent),
  ParkedEventSkipped: z.object({ ...parkedEvent, reason: z.string() }),
};
