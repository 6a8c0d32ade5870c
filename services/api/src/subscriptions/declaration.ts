import { AppError } from '@plumbline/contracts';
import type { ObjectRef } from '@plumbline/kube';
import type { KubeObject } from '@plumbline/manifests';
import { z } from 'zod';
import { parseEventFilter } from '../events/event-filter.ts';
import type { EventFilter } from '../events/event-filter.ts';

/** Label of the Secrets that declare subscriptions, and its value. */
export const secretTypeLabel = 'plumbline.dev/secret-type';
export const secretType = 'event-subscription';

export const fieldManager = 'plumbline-api';

export const secretReference = (namespace: string, name: string): ObjectRef => ({ group: '', version: 'v1', kind: 'Secret', namespace, name });

/** The parameters of `GET /api/v1/events` that make a filter. */
export const filterBody = z.strictObject({
  category: z.array(z.string()).optional(),
  application: z.array(z.string()).optional(),
  project: z.array(z.string()).optional(),
  type: z.array(z.string()).optional(),
});
export type FilterBody = z.infer<typeof filterBody>;

/** What a Secret says, with its keys: in memory only. */
export interface Subscription {
  url: string;
  filterBody: FilterBody;
  filter: EventFilter;
  /** The present key, and the one before while receivers are told the new one. */
  keys: readonly string[];
  /** Whose rights decide what is delivered. */
  subject: string;
  /** Position that it begins after; undefined: the head when it is first seen. */
  after: number | undefined;
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
  const after = data.get('after')?.trim() ?? '';
  if (!/^\d{0,15}$/.test(after)) throw new AppError('invalid-argument', 'key after of the Secret is not a position of the log');
  const previous = data.get('previousSecret')?.trim() ?? '';
  return {
    url: needed('url'),
    filterBody: body,
    filter: parseEventFilter(body, namespace),
    keys: [needed('secret'), ...(previous === '' ? [] : [previous])],
    subject: needed('subject'),
    after: after === '' ? undefined : Number(after),
    disabled: disabled === '' || disabled === 'false' ? undefined : disabled,
  };
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
