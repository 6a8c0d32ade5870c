import { AppError } from '@plumbline/contracts';
import { z } from 'zod';
import { limits } from '../limits.ts';

const name = z.string().max(limits.nameCharsMax);

/** `POST /applications/{name}/sync`. Fields of Argo CD that this version can't carry out are refused, not ignored. */
export const syncRequest = z.object({
  revision: z.string().max(512).optional(),
  prune: z.boolean().optional(),
  dryRun: z.boolean().optional(),
  strategy: z.object({ apply: z.object({ force: z.boolean().optional() }).nullish(), hook: z.object({ force: z.boolean().optional() }).nullish() }).nullish(),
  resources: z
    .array(z.object({ group: name.optional(), kind: name.min(1), name: name.min(1), namespace: name.optional() }))
    .max(10_000)
    .nullish(),
  syncOptions: z.union([z.array(z.string().max(256)).max(64), z.object({ items: z.array(z.string().max(256)).max(64).nullish() })]).nullish(),
  infos: z
    .array(z.object({ name, value: z.string().max(4096) }))
    .max(64)
    .nullish(),
  retryStrategy: z
    .object({
      limit: z.coerce.number().int().optional(),
      refresh: z.boolean().optional(),
      backoff: z.object({ duration: z.string().optional(), factor: z.coerce.number().optional(), maxDuration: z.string().optional() }).nullish(),
    })
    .nullish(),
  manifests: z.array(z.string()).nullish(),
  revisions: z.array(z.string()).nullish(),
});
export type SyncRequest = z.infer<typeof syncRequest>;

const dnsName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, { error: 'must be a DNS name: lower-case letters, digits, "-" and "."' })
  .max(limits.nameCharsMax);
const source = z.looseObject({ repoURL: z.string().min(1).max(2_048) });

/** An Application as a client sends it. Unknown fields of the spec are kept: later versions read them. */
export const applicationBody = z.object({
  metadata: z.object({
    name: dnsName,
    namespace: name.optional(),
    labels: z.record(z.string(), z.string()).nullish(),
    annotations: z.record(z.string(), z.string()).nullish(),
    finalizers: z.array(z.string()).nullish(),
    resourceVersion: z.string().optional(),
  }),
  spec: z.looseObject({
    project: z
      .string()
      .max(limits.nameCharsMax)
      .default('default')
      .transform((project) => (project === '' ? 'default' : project)),
    source: source.optional(),
    sources: z.array(source).optional(),
    destination: z.looseObject({ server: z.string().optional(), name: z.string().optional(), namespace: z.string().optional() }),
  }),
});
export type ApplicationBody = z.infer<typeof applicationBody>;

export type RawQuery = Readonly<Record<string, string | string[] | undefined>>;

/** A parameter that may be given once. */
export function one(query: RawQuery, key: string): string | undefined {
  const value = query[key];
  if (Array.isArray(value)) throw new AppError('invalid-argument', `${key} may be given once`);
  return value;
}

/** `?refresh=`, `?cascade= and the like: `true`, `1` and an empty value are true. */
export const flag = (text: string | undefined, otherwise: boolean): boolean => {
  if (text === undefined) return otherwise;
  if (['', 'true', '1'].includes(text)) return true;
  if (['false', '0'].includes(text)) return false;
  throw new AppError('invalid-argument', `"${text.slice(0, 20)}" is neither true nor false`);
};

/** @throws AppError `invalid-argument` that names each wrong field; values are not repeated. */
export function parse<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value, { reportInput: false });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.slice(0, 10).map((issue) => `${issue.path.join('.') || what}: ${issue.message}`);
  throw new AppError('invalid-argument', `${what} can't be read: ${problems.join('; ')}`);
}
