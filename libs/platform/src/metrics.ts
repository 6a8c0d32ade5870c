import type { Metrics } from '@plumbline/contracts';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from './limits.ts';

/** Metrics of one service, in Prometheus' text format; names get the prefix `plumbline_`. */
export interface MetricsRegistry {
  metrics: Metrics;
  contentType: string;
  render(): Promise<string>;
}

/** Milliseconds, from an in-memory look-up to a slow Git host. */
const bucketsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

type Labels = Readonly<Record<string, string>>;
type Kind = typeof Counter | typeof Gauge | typeof Histogram;
type Instance = Counter | Gauge | Histogram;

/** Processes in which several services run have one registry each. */
export function makeMetrics(labels: { service: string; instance: string; version: string }): MetricsRegistry {
  const registry = new Registry();
  registry.setDefaultLabels({ service: labels.service, instance: labels.instance });
  collectDefaultMetrics({ register: registry, prefix: 'plumbline_' });
  new Gauge({ name: 'plumbline_build_info', help: 'The version that runs', labelNames: ['version'], registers: [registry] }).set(
    { version: labels.version },
    1,
  );

  const known = new Map<string, { instrument: Instance; labelNames: string; series: Set<string> }>();
  const find = <K extends Kind>(kind: K, name: string, given: Labels): InstanceType<K> | undefined => {
    const labelNames = Object.keys(given).sort();
    let entry = known.get(name);
    if (entry === undefined) {
      const options = { name: `plumbline_${name}`, help: name.replaceAll('_', ' '), labelNames, registers: [registry] };
      entry = {
        instrument: kind === Histogram ? new Histogram({ ...options, buckets: bucketsMs }) : kind === Counter ? new Counter(options) : new Gauge(options),
        labelNames: labelNames.join(),
        series: new Set(),
      };
      known.set(name, entry);
    }
    // A measurement never breaks what it measures: one that doesn't fit is left out.
    if (!(entry.instrument instanceof kind) || entry.labelNames !== labelNames.join()) return undefined;
    const series = JSON.stringify(labelNames.map((label) => given[label]));
    if (!entry.series.has(series)) {
      if (entry.series.size >= limits.metricSeriesMax) return undefined;
      entry.series.add(series);
    }
    return entry.instrument as InstanceType<K>;
  };

  return {
    metrics: {
      count: (name, given = {}, by = 1) => find(Counter, name, given)?.inc(given, by),
      observeMs: (name, ms, given = {}) => find(Histogram, name, given)?.observe(given, ms),
      gauge: (name, value, given = {}) => find(Gauge, name, given)?.set(given, value),
    },
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}
