import { AppError } from '@plumbline/contracts';
import type { Http } from './http.ts';
import type { Discovery, KindInfo } from './port.ts';

/** One answer for all groups (Kubernetes ≥ 1.26); a server that doesn't know it answers the old group list instead. */
const aggregated = ['v2', 'v2beta1'].map((version) => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`).join(',');

interface GroupDiscovery {
  metadata?: { name?: string };
  versions?: { version: string; freshness?: string; resources?: ResourceDiscovery[] }[];
}

interface ResourceDiscovery {
  resource: string;
  responseKind?: { kind?: string };
  scope?: string;
  verbs?: string[];
  subresources?: { subresource: string }[];
}

interface FoundKinds {
  kinds: KindInfo[];
  apiVersions: string[];
  unavailableGroups: string[];
}

/** Asks the server which kinds it serves. Two or three requests; a group that fails is recorded, never taken as absent. */
export function makeDiscoverer(http: Http): () => Promise<Discovery> {
  const cache = new Map<string, { etag: string; found: FoundKinds }>();

  const read = async (path: '/api' | '/apis'): Promise<FoundKinds> => {
    const known = cache.get(path);
    const answer = await http.send({
      method: 'GET',
      path,
      subject: { group: '', kind: 'discovery', name: path },
      headers: { accept: `${aggregated},application/json`, ...(known === undefined ? {} : { 'if-none-match': known.etag }) },
      isIdempotent: true,
    });
    if (answer.status === 304 && known !== undefined) return known.found;
    const body = answer.body as { kind?: string } | undefined;
    if (body?.kind !== 'APIGroupDiscoveryList') return await readEachGroup(http, path, body);
    const found = fromAggregated((body as { items?: GroupDiscovery[] }).items ?? []);
    const { etag } = answer.headers;
    if (typeof etag === 'string') cache.set(path, { etag, found });
    return found;
  };

  return async () => {
    const [core, groups, version] = await Promise.all([
      read('/api'),
      read('/apis'),
      http.send({ method: 'GET', path: '/version', subject: { group: '', kind: 'discovery', name: '/version' }, isIdempotent: true }),
    ]);
    return discoveryOf((version.body as { gitVersion?: string } | undefined)?.gitVersion ?? '', [core, groups]);
  };
}

function discoveryOf(serverVersion: string, parts: readonly FoundKinds[]): Discovery {
  const kinds = parts.flatMap((part) => part.kinds);
  const exact = new Map(kinds.map((info) => [`${info.group}/${info.version}/${info.kind}`, info]));
  const byKind = new Map<string, KindInfo>();
  // Versions come in the server's order of preference: the first that serves a kind is the one to use.
  for (const info of kinds) if (!byKind.has(`${info.group}/${info.kind}`)) byKind.set(`${info.group}/${info.kind}`, info);
  return {
    serverVersion,
    kinds,
    apiVersions: parts.flatMap((part) => part.apiVersions),
    unavailableGroups: [...new Set(parts.flatMap((part) => part.unavailableGroups))],
    find: (group, version, kind) => exact.get(`${group}/${version}/${kind}`),
    findKind: (group, kind) => byKind.get(`${group}/${kind}`),
  };
}

const apiVersionOf = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

function fromAggregated(groups: readonly GroupDiscovery[]): FoundKinds {
  const found: FoundKinds = { kinds: [], apiVersions: [], unavailableGroups: [] };
  for (const { metadata, versions = [] } of groups) {
    const group = metadata?.name ?? '';
    versions.forEach(({ version, freshness, resources = [] }, place) => {
      found.apiVersions.push(apiVersionOf(group, version));
      // An aggregated API that can't be reached is listed as stale, with what it served last or nothing.
      if (freshness === 'Stale') found.unavailableGroups.push(group);
      for (const { resource, responseKind, scope, verbs = [], subresources = [] } of resources) {
        if (responseKind?.kind === undefined) continue;
        const hasStatusSubresource = subresources.some(({ subresource }) => subresource === 'status');
        const is = { namespaced: scope === 'Namespaced', verbs, preferred: place === 0, hasStatusSubresource };
        found.kinds.push({ group, version, kind: responseKind.kind, resource, ...is });
      }
    });
  }
  return found;
}

interface OldGroup {
  name: string;
  versions: string[];
}

/** The way of older servers: one request for each group version. */
async function readEachGroup(http: Http, path: '/api' | '/apis', body: unknown): Promise<FoundKinds> {
  const found: FoundKinds = { kinds: [], apiVersions: [], unavailableGroups: [] };
  const groups = path === '/api' ? [{ name: '', versions: (body as { versions?: string[] }).versions ?? ['v1'] }] : oldGroups(body);
  const answers = await Promise.all(
    groups.flatMap(({ name, versions }) =>
      versions.map(async (version, place) => {
        const at = name === '' ? `/api/${version}` : `/apis/${name}/${version}`;
        const kinds = await readGroupVersion(http, at, { group: name, version, preferred: place === 0 });
        return { group: name, version, kinds };
      }),
    ),
  );
  for (const { group, version, kinds } of answers) {
    found.apiVersions.push(apiVersionOf(group, version));
    if (kinds === undefined) found.unavailableGroups.push(group);
    else found.kinds.push(...kinds);
  }
  return found;
}

function oldGroups(body: unknown): OldGroup[] {
  const groups = (body as { groups?: { name: string; versions?: { version: string }[]; preferredVersion?: { version: string } }[] } | undefined)?.groups ?? [];
  return groups.map(({ name, versions = [], preferredVersion }) => {
    const all = versions.map(({ version }) => version);
    const preferred = preferredVersion?.version;
    return { name, versions: preferred === undefined ? all : [preferred, ...all.filter((version) => version !== preferred)] };
  });
}

/** Undefined when the group can't be asked now. */
async function readGroupVersion(http: Http, path: string, at: { group: string; version: string; preferred: boolean }): Promise<KindInfo[] | undefined> {
  try {
    const answer = await http.send({ method: 'GET', path, subject: { group: at.group, kind: 'discovery', name: path }, isIdempotent: true });
    const resources = (answer.body as { resources?: { name: string; kind: string; namespaced?: boolean; verbs?: string[] }[] } | undefined)?.resources ?? [];
    const names = new Set(resources.map(({ name }) => name));
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, kind, namespaced, verbs = [] }) => {
        return { ...at, kind, resource: name, namespaced: namespaced === true, verbs, hasStatusSubresource: names.has(`${name}/status`) };
      });
  } catch (error) {
    if (AppError.is(error) && (error.retry === 'later' || error.code === 'unknown-kind')) return undefined;
    throw error;
  }
}
