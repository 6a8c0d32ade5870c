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
