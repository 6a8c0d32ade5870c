import { AppError } from '@plumbline/contracts';
import { compileGlob, plainGlob } from '@plumbline/policy';
import { parse } from 'yaml';
import { z } from 'zod';
import { limits } from '../limits.ts';

/** Which kinds are watched and managed: `resource.exclusions` and `resource.inclusions` of argocd-cm (argocd-compat B260). */
export interface WatchedResources {
  isExcluded(group: string, kind: string): boolean;
}

type Glob = (text: string) => boolean;

interface Rule {
  apiGroups: readonly Glob[];
  kinds: readonly Glob[];
  clusters: readonly Glob[];
}

/**
 * What controllers make in great numbers and nobody declares, as Argo CD's installation excludes it. Counts while
 * argocd-cm has no `resource.exclusions` of its own.
 */
const excludedByDefault = `
- { apiGroups: [''], kinds: [Endpoints, Event] }
- { apiGroups: [events.k8s.io, metrics.k8s.io, custom.metrics.k8s.io, external.metrics.k8s.io] }
- { apiGroups: [authentication.k8s.io, authorization.k8s.io] }
- { apiGroups: [discovery.k8s.io], kinds: [EndpointSlice] }
- { apiGroups: [coordination.k8s.io], kinds: [Lease] }
- { apiGroups: [certificates.k8s.io], kinds: [CertificateSigningRequest] }
- { apiGroups: [cert-manager.io], kinds: [CertificateRequest] }
- { apiGroups: [cilium.io], kinds: [CiliumIdentity, CiliumEndpoint, CiliumEndpointSlice] }
- { apiGroups: [kyverno.io, reports.kyverno.io, wgpolicyk8s.io], kinds: ['*Report', '*ReportRequest', UpdateRequest] }
`;

/**
 * `server`: the cluster's URL. Throws `invalid-argument` for a text that is no list of rules: what is excluded by mistake
 * would be taken for gone.
 */
export function watchedResources(data: Readonly<Record<string, string>>, server: string): WatchedResources {
  const exclusions = rulesOf({ 'resource.exclusions': excludedByDefault, ...data }, 'resource.exclusions') ?? [];
  const inclusions = rulesOf(data, 'resource.inclusions');
  const matches = (rule: Rule, group: string, kind: string): boolean =>
    isAny(rule.apiGroups, group) && (rule.kinds.length === 0 || isAny(rule.kinds, kind)) && (rule.clusters.length === 0 || isAny(rule.clusters, server));
  const judge = (group: string, kind: string): boolean =>
    exclusions.some((rule) => matches(rule, group, kind)) || (inclusions !== undefined && !inclusions.some((rule) => matches(rule, group, kind)));
  // Asked for each object at each look; there are few kinds.
  const judged = new Map<string, boolean>();
  return {
    isExcluded(group, kind) {
      const name = `${group}/${kind}`;
      const known = judged.get(name);
      if (known !== undefined) return known;
      if (judged.size >= limits.kindsJudgedMax) judged.clear();
      const isExcluded = judge(group, kind);
      judged.set(name, isExcluded);
      return isExcluded;
    },
  };
}

const written = z.array(
  z.object({ apiGroups: z.array(z.string()).nullish(), kinds: z.array(z.string()).nullish(), clusters: z.array(z.string()).nullish() }).strict(),
);

function rulesOf(data: Readonly<Record<string, string>>, key: string): Rule[] | undefined {
  const text = data[key];
  if (text === undefined || text.trim() === '') return undefined;
  try {
    return written.parse(parse(text)).map(({ apiGroups, kinds, clusters }) => ({
      apiGroups: globs(apiGroups ?? ['*']),
      kinds: globs(kinds ?? []),
      clusters: globs(clusters ?? []),
    }));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new AppError('invalid-argument', `${key} of argocd-cm can't be read: write a YAML list of {apiGroups, kinds, clusters}. ${why}`);
  }
}

const isAny = (patterns: readonly Glob[], text: string): boolean => patterns.some((matches) => matches(text));
const globs = (patterns: readonly string[]): Glob[] => patterns.map((pattern) => compileGlob(pattern, plainGlob));
