import type { RunningPlatform } from '../platform.ts';

/** What the services counted since they started. */
export type ServiceCounts = ReadonlyMap<string, number>;

/** Metric, with the labels that tell apart what is counted. */
const wanted: Readonly<Record<string, string>> = {
  plumbline_renders_total: 'renders',
  plumbline_dry_runs_total: 'dry runs',
  plumbline_repository_observation_ms_count: 'looks at a repository',
};
const sample = /^(\w+)\{(.*)\} (\S+)$/;

export async function readServiceCounts({ services }: RunningPlatform): Promise<ServiceCounts> {
  const texts = await Promise.all(services.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  const counts = new Map<string, number>();
  for (const line of texts.join('\n').split('\n')) {
    const [, name = '', labels = '', value] = sample.exec(line) ?? [];
    const what = wanted[name];
    if (what === undefined) continue;
    const outcome = /outcome="([^"]*)"/.exec(labels)?.[1];
    const key = outcome === undefined ? what : `${what}, ${outcome}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(value));
  }
  return counts;
}

export function serviceCountsSince(before: ServiceCounts, now: ServiceCounts): Record<string, number> {
  return Object.fromEntries([...now].map(([what, count]) => [what, count - (before.get(what) ?? 0)]));
}
