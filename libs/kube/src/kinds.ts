import { AppError, type Clock } from '@plumbline/contracts';
import { makeDiscoverer } from './discovery.ts';
import type { Http } from './http.ts';
import type { KubeLimits } from './limits.ts';
import type { Discovery, KindInfo } from './port.ts';
import { describe, named } from './server-error.ts';

export interface Kinds {
  discover(refresh: boolean): Promise<Discovery>;
  /** `unknown-kind`, or `unavailable` when the kind's group can't be asked now. */
  resolve(gvk: { group: string; version: string; kind: string }): Promise<KindInfo>;
}

/** Discovery, cached: asked again on request, and when a kind is looked for that it doesn't know. */
export function makeKinds(http: Http, clock: Clock, limits: KubeLimits): Kinds {
  const ask = makeDiscoverer(http);
  let current: Promise<Discovery> | undefined;
  let asking: Promise<Discovery> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  const discover = async (refresh: boolean): Promise<Discovery> => {
    if (current !== undefined && !refresh) return await current;
    if (asking === undefined) {
      askedAt = clock();
      asking = ask();
      asking.then(
        (discovery) => {
          current = Promise.resolve(discovery);
          asking = undefined;
        },
        () => void (asking = undefined),
      );
    }
    return await asking;
  };

  return {
    discover,
    async resolve({ group, version, kind }) {
      const known = (await discover(false)).find(group, version, kind);
      if (known !== undefined) return known;
      const fresh = await discover(clock() - askedAt >= limits.discoveryRefreshMinMs);
      const found = fresh.find(group, version, kind);
      if (found !== undefined) return found;
      const subject = { group, kind };
      if (fresh.unavailableGroups.includes(group)) {
        throw new AppError('unavailable', `${describe(subject)}: the API server can't reach the API of the group ${group} now`, {
          retry: 'later',
          details: named(subject),
        });
      }
      const other = fresh.findKind(group, kind);
      const hint = other === undefined ? 'is its CustomResourceDefinition installed?' : `it serves version ${other.version}`;
      throw new AppError('unknown-kind', `${describe(subject)} in version ${version} is not served by the API server: ${hint}`, {
        details: { ...named(subject), version },
      });
    },
  };
}
