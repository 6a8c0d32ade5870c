import type { PolicyDeclaration } from './declaration.ts';

/**
 * The data of the ConfigMap argocd-rbac-cm as the log records it: `policy.csv`, then every overlay `policy.<any>.csv` by
 * name, as Argo CD joins them; `scopes` is a YAML list, by default `[groups]`.
 *
 * A policy of more than `bytesMax` gives nothing (an event could not hold it): the answer is then an empty one.
 */
export function readPolicySettings(data: Readonly<Record<string, string | undefined>>, bytesMax: number): { policy: PolicyDeclaration; isTooLarge: boolean } {
  const overlays = Object.keys(data)
    .filter((key) => /^policy\..+\.csv$/.test(key))
    .sort();
  const csv = ['policy.csv', ...overlays]
    .map((key) => data[key] ?? '')
    .filter((text) => text !== '')
    .join('\n');
  const isTooLarge = new TextEncoder().encode(csv).length > bytesMax;
  return {
    isTooLarge,
    policy: {
      csv: isTooLarge ? '' : csv,
      defaultRole: isTooLarge ? '' : (data['policy.default'] ?? '').trim(),
      scopes: readScopes(data['scopes'] ?? ''),
      matchMode: data['policy.matchMode']?.trim() === 'regex' ? 'regex' : 'glob',
    },
  };
}

/** `[groups, email]`, `["groups"]`, or a block list of one item a line. */
function readScopes(text: string): string[] {
  const scopes = text
    .replace(/^\s*\[|\]\s*$/g, '')
    .split(/[,\n]/)
    .map((each) =>
      each
        .trim()
        .replace(/^-\s*/, '')
        .replace(/^(["'])(.*)\1$/, '$2'),
    )
    .filter((each) => each !== '');
  return scopes.length === 0 ? ['groups'] : scopes;
}
