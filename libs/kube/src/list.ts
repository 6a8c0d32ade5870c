import { AppError } from '@plumbline/contracts';
import type { KubeObject } from '@plumbline/manifests';
import type { Http } from './http.ts';
import type { KubeLimits } from './limits.ts';
import type { KindInfo } from './port.ts';
import { collectionPath, withQuery } from './resource-path.ts';

export interface ListQuery {
  info: KindInfo;
  namespace?: string;
  labelSelector?: string;
}

interface ListPage {
  metadata?: { resourceVersion?: string; continue?: string };
  items?: KubeObject[];
}

/**
 * All objects of a kind, page by page, from one consistent read; answers its resourceVersion when it is complete. A
 * continuation that expires in the middle (410) starts the list over: `onItems` may then see an object twice.
 */
export async function listPages(http: Http, query: ListQuery, limits: KubeLimits, onItems: (items: KubeObject[]) => void): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listOnce(http, query, limits, onItems);
    } catch (error) {
      if (!AppError.is(error) || error.code !== 'gone' || attempt >= limits.listAttemptsMax) throw error;
    }
  }
}

async function listOnce(
  http: Http,
  { info, namespace, labelSelector }: ListQuery,
  limits: KubeLimits,
  onItems: (items: KubeObject[]) => void,
): Promise<string> {
  const path = collectionPath(info, namespace);
  const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`;
  const subject = { group: info.group, kind: info.kind, ...(namespace === undefined ? {} : { namespace }) };
  let next: string | undefined;
  for (;;) {
    const answer = await http.send({
      method: 'GET',
      path: withQuery(path, { limit: String(limits.listPageSize), labelSelector, continue: next }),
      subject,
      isIdempotent: true,
    });
    const page = answer.body as ListPage;
    // The items of a typed list leave out what the list says.
    onItems((page.items ?? []).map((item) => ({ ...item, apiVersion, kind: info.kind })));
    next = page.metadata?.continue || undefined;
    if (next === undefined) return page.metadata?.resourceVersion ?? '';
  }
}

/** The server's present resourceVersion of a kind, for the price of one object. */
export async function currentVersion(http: Http, { info, namespace }: ListQuery): Promise<string> {
  const answer = await http.send({
    method: 'GET',
    path: withQuery(collectionPath(info, namespace), { limit: '1' }),
    subject: { group: info.group, kind: info.kind },
    isIdempotent: true,
  });
  return (answer.body as ListPage).metadata?.resourceVersion ?? '';
}
