import { z } from 'zod';

/**
 * Questions and commands that go by NATS request-reply. They carry ids and at most 64 KiB; a subject is
 * `<prefix>.<service>.<verb>`. An error travels as an AppError in the reply envelope.
 */
export const requestBytesMax = 64 * 1024;

const id = z.string().min(1).max(512);

/** api → repo-watcher: somebody says that a repository changed. A hint: only what the remote answers counts. */
export const refreshRepository = {
  service: 'repo-watcher',
  verb: 'refresh',
  deadlineMs: 2_000,
  request: z.object({
    /** Every address that the provider gives for the repository (web, clone, ssh). */
    urls: z.array(z.string().max(2048)).min(1).max(8),
    /** Full name of the ref that moved (refs/heads/main), if told. */
    ref: z.string().max(1024).optional(),
    /** Commit that it points to now, if told. Unverified. */
    commit: z.string().max(64).optional(),
  }),
  reply: z.object({ repositories: z.array(id) }),
} as const;

/** syncer → repo-watcher: make a commit's objects available now (a sync to a revision that no ref tracks). */
export const ensureRevision = {
  service: 'repo-watcher',
  verb: 'ensure',
  deadlineMs: 60_000,
  request: z.object({ url: z.string().max(2048), ref: z.string().max(1024) }),
  reply: z.object({ repository: id, commit: z.string(), tree: z.string() }),
} as const;

/** syncer → renderer. The full application (name, namespace, spec) is in the sealed blob `sealedSpec`. */
export const renderManifests = {
  service: 'renderer',
  verb: 'render',
  deadlineMs: 60_000,
  request: z.object({
    application: id,
    repository: id,
    commit: id,
    tree: id,
    sealedSpec: id,
    kubeVersion: z.string().max(64),
    apiVersions: z.array(z.string().max(256)).max(2000),
    /** Ignore what is stored and render again. */
    hard: z.boolean().optional(),
  }),
  reply: z.object({
    manifestSet: id,
    sourceType: z.enum(['Directory', 'Kustomize', 'Helm']),
    objects: z.number().int(),
    /** Answered from the store. */
    hit: z.boolean(),
  }),
} as const;

/**
 * syncer → renderer: which of these sealed applications of one repository would render at this tree what they rendered
 * before. Null: it isn't remembered; `render` tells. Nothing is rendered for it, so a push to a repository that a
 * thousand applications follow is a few of these and a `render` for each that it changes.
 */
export const recallManifests = {
  service: 'renderer',
  verb: 'recall',
  deadlineMs: 10_000,
  request: z.object({
    repository: id,
    commit: id,
    tree: id,
    sealedSpecs: z.array(id).min(1).max(256),
    kubeVersion: z.string().max(64),
    apiVersions: z.array(z.string().max(256)).max(2000),
  }),
  reply: z.object({
    /** In the order of `sealedSpecs`. */
    manifestSets: z.array(id.nullable()),
  }),
} as const;

/** api → syncer: live state below an application. The answer is a blob id: it may be big. */
export const describeResourceTree = {
  service: 'syncer',
  verb: 'resource-tree',
  deadlineMs: 5_000,
  request: z.object({ namespace: id, name: id }),
  reply: z.object({ blob: id }),
} as const;

/** api → rbac: password in, session token out. */
export const logIn = {
  service: 'rbac',
  verb: 'login',
  deadlineMs: 10_000,
  request: z.object({ username: z.string().max(256), password: z.string().max(1024), from: z.string().max(256) }),
  reply: z.object({ token: z.string() }),
} as const;

/** api → rbac: the session that this token is ends now. The token is the evidence; rbac checks it. */
export const logOut = {
  service: 'rbac',
  verb: 'logout',
  deadlineMs: 5_000,
  request: z.object({ token: z.string().min(1).max(8192) }),
  reply: z.object({ tokenId: z.string() }),
} as const;

/** Who may run consumers of the feed. A consumer is named `<service>.<name>`. */
export const consumingServices = ['api', 'rbac', 'renderer', 'repo-watcher', 'syncer'] as const;
export type ConsumingService = (typeof consumingServices)[number];

const projectionRun = z.object({
  kind: z.enum(['rebuild', 'compare']),
  state: z.enum(['running', 'done', 'refused', 'failed']),
  owner: z.string(),
  position: z.number().int(),
  head: z.number().int(),
  eventsPerSecond: z.number(),
  /** Streams that could not be applied. */
  parked: z.number().int(),
  startedAt: z.string(),
  at: z.string(),
  message: z.string(),
});

const consumerState = z.object({
  name: id,
  isProjection: z.boolean(),
  position: z.number().int(),
  head: z.number().int(),
  parked: z.number().int(),
  /** The rebuild or comparison that runs, or the last one. */
  run: projectionRun.optional(),
});
export type ConsumerState = z.infer<typeof consumerState>;

/** api → any service: how far its consumers are. */
export const listConsumers = (service: ConsumingService) =>
  ({
    service,
    verb: 'consumers',
    deadlineMs: 3_000,
    request: z.strictObject({}),
    reply: z.object({ consumers: z.array(consumerState).max(32) }),
  }) as const;

/** Of one answer; the next page begins after the position of the last one. */
export const parkedPageMax = 20;

const parkedStream = z.object({
  stream: id,
  position: z.number().int(),
  version: z.number().int(),
  eventId: z.string(),
  type: z.string(),
  error: z.string().max(1_000),
  stack: z.string().max(1_500),
  attempts: z.number().int(),
  at: z.string(),
  triedBy: z.string(),
});

/** api → any service: streams that a consumer has set aside, by position. */
export const listParked = (service: ConsumingService) =>
  ({
    service,
    verb: 'consumer-parked',
    deadlineMs: 5_000,
    request: z.strictObject({ consumer: id, after: z.number().int().min(0) }),
    reply: z.object({ parked: z.array(parkedStream).max(parkedPageMax), total: z.number().int() }),
  }) as const;

/** api → any service: a rebuild and a comparison are answered when they have begun, a retry and a skip when they are done. */
export const operateConsumer = (service: ConsumingService) =>
  ({
    service,
    verb: 'consumer-operate',
    deadlineMs: 30_000,
    request: z.discriminatedUnion('action', [
      z.strictObject({ action: z.literal('retry'), consumer: id, stream: id }),
      z.strictObject({ action: z.literal('skip'), consumer: id, stream: id, reason: z.string().max(1_000) }),
      z.strictObject({ action: z.literal('rebuild'), consumer: id, acceptParked: z.boolean() }),
      z.strictObject({ action: z.literal('compare'), consumer: id }),
    ]),
    reply: z.object({}),
  }) as const;

export interface RequestContract<Req extends z.ZodType = z.ZodType, Rep extends z.ZodType = z.ZodType> {
  readonly service: string;
  readonly verb: string;
  readonly deadlineMs: number;
  readonly request: Req;
  readonly reply: Rep;
}

export type RequestOf<C extends RequestContract> = z.infer<C['request']>;
export type ReplyOf<C extends RequestContract> = z.infer<C['reply']>;

/** Subject of announcements, after the prefix. */
export const feedSubject = 'feed';
