import { refOf, type ApplicationSource, type ApplicationSpec } from '@plumbline/contracts';

/** A ref that an application follows, as typed. */
export interface WantedRef {
  url: string;
  ref: string;
  /** Name of the chart when `url` is a chart repository, else empty. */
  chart: string;
}

/** What the sources of an application follow, each once. `sources` wins over `source`, as everywhere. */
export function wantedRefs(spec: ApplicationSpec): WantedRef[] {
  const sources: ApplicationSource[] = spec.sources !== undefined && spec.sources.length > 0 ? spec.sources : spec.source === undefined ? [] : [spec.source];
  const found = new Map<string, WantedRef>();
  for (const source of sources) {
    if (typeof source.repoURL !== 'string' || source.repoURL.trim() === '') continue;
    const wanted: WantedRef = { url: source.repoURL.trim(), ref: refOf(source), chart: source.chart ?? '' };
    found.set(JSON.stringify(wanted), wanted);
  }
  return [...found.values()];
}
