import { AppError } from '@plumbline/contracts';
import type { ObjectRef } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { z } from 'zod';
import { filterParameters, parseEventFilter } from '../events/event-filter.ts';
import type { EventFilter } from '../events/event-filter.ts';

/** Label of the Secrets that declare subscriptions, and its value. */
export const secretTypeLabel = 'plumbline.dev/secret-type';
export const secretType = 'event-subscription';

/** Names that the platform itself, or Argo CD's tools, look Secrets up by. */
export const reservedName = /^(argocd|plumbline)-/;

export const fieldManager = 'plumbline-api';

export const secretReference = (namespace: string, name: string): ObjectRef => ({ group: '', version: 'v1', kind: 'Secret', namespace, name });

/** The parameters of `GET /api/v1/events` that make a filter. */
export const filterBody = z.strictObject(
  {
    category: z.array(z.string()).optional(),
    application: z.array(z.string()).optional(),
    project: z.array(z.string()).optional(),
    type: z.array(z.string()).optional(),
  },
  { error: (issue) => unknownField(issue, filterParameters) },
);
export type FilterBody = z.infer<typeof filterBody>;

/** Zod's words for what is not there leave out what is. */
export function unknownField(issue: { code: string }, allowed: readonly string[]): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const { keys } = issue as { code: string; keys?: readonly string[] };
  return `unknown field "${(keys ?? []).join('", "').slice(0, 80)}"; allowed are ${allowed.join(', ')}`;
}

/** What a Secret says, with its keys: in memory only. */
export interface Subscription {
  url: string;
  filterBody: FilterBody;
  filter: EventFilter;
  /** The present key, and the one before while receivers are told the new one. */
  keys: readonly string[];
  /** Whose rights decide what is delivered. */
  subject: string;
  /** Position of the first event, which may be one that is still to come; undefined: what comes after it is first seen. */
  from: number | undefined;
  /** Why nothing is delivered, if somebody or the receiver said so. */
  disabled: string | undefined;
}

export interface Declaration {
  name: string;
  uid: string;
  /** Either this, or what is wrong with the Secret. */
  subscription?: Subscription;
  problem?: string;
}

/** Never throws: a Secret that can't be read is one that delivers nothing, and says why. */
export function readDeclaration(object: KubeObject, namespace: string): Declaration {
  const { name, uid = '' } = object.metadata;
  try {
    return { name, uid, subscription: subscriptionOf(dataOf(object), namespace) };
  } catch (error) {
    return { name, uid, problem: AppError.from(error).message };
  }
}

function subscriptionOf(data: ReadonlyMap<string, string>, namespace: string): Subscription {
  const needed = (key: string): string => {
    const value = data.get(key)?.trim() ?? '';
    if (value === '') throw new AppError('invalid-argument', `key ${key} of the Secret is missing or empty`);
    return value;
  };
  const body = readFilter(data.get('filter') ?? '{}');
  const disabled = data.get('disabled')?.trim() ?? '';
  const previous = data.get('previousSecret')?.trim() ?? '';
  return {
    url: needed('url'),
    filterBody: body,
    filter: parseEventFilter(body, namespace),
    keys: [needed('secret'), ...(previous === '' ? [] : [previous])],
    subject: needed('subject'),
    from: readFrom(data.get('from')?.trim() ?? ''),
    disabled: disabled === '' || disabled === 'false' ? undefined : disabled,
  };
}

function readFrom(text: string): number | undefined {
  if (text === '' || text === 'now') return undefined;
  if (text === 'beginning') return 1;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new AppError('invalid-argument', 'key from of the Secret must be now, beginning or the position of the first event, a whole number from 1');
}

function readFilter(text: string): FilterBody {
  try {
    return filterBody.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError('invalid-argument', 'key filter of the Secret must be JSON with lists of category, application, project, type', { cause });
  }
}

function dataOf(object: KubeObject): Map<string, string> {
  const data = (object['data'] ?? {}) as Record<string, unknown>;
  return new Map(Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString('utf8')]));
}
