import { describe, expect, it } from 'vitest';
import { limits } from './limits.ts';
import { makeMetrics } from './metrics.ts';

const make = (): ReturnType<typeof makeMetrics> => makeMetrics({ service: 'syncer', instance: 'syncer-1', version: '1.2.3' });

describe('metrics', () => {
  it('renders counters, gauges and durations under our prefix with service and instance', async () => {
    const registry = make();
    registry.metrics.count('syncs_total', { outcome: 'Succeeded' });
    registry.metrics.count('syncs_total', { outcome: 'Succeeded' }, 2);
    registry.metrics.gauge('applications', 7);
    registry.metrics.observeMs('render_ms', 12, { hit: 'false' });
    const text = await registry.render();
    expect(text).toContain('plumbline_syncs_total{outcome="Succeeded",service="syncer",instance="syncer-1"} 3');
    expect(text).toContain('plumbline_applications{service="syncer",instance="syncer-1"} 7');
    expect(text).toMatch(/plumbline_render_ms_bucket\{le="20",.*hit="false".*\} 1/);
    expect(text).toContain('plumbline_process_resident_memory_bytes');
    expect(text).toMatch(/plumbline_build_info\{version="1.2.3",.*\} 1/);
  });

  it('leaves out what does not fit instead of breaking what it measures', async () => {
    const { metrics, render } = make();
    metrics.count('mixed', { a: '1' });
    metrics.gauge('mixed', 5);
    metrics.count('mixed', { b: '1' });
    metrics.count('mixed', { a: '2' });
    expect((await render()).split('\n').filter((line) => line.startsWith('plumbline_mixed'))).toHaveLength(2);
  });

  it('bounds the series of one metric', async () => {
    const { metrics, render } = make();
    for (let i = 0; i < limits.metricSeriesMax + 50; i++) metrics.count('floods_total', { user: `u${i}` });
    metrics.count('floods_total', { user: 'u0' });
    const lines = (await render()).split('\n').filter((line) => line.startsWith('plumbline_floods_total'));
    expect(lines).toHaveLength(limits.metricSeriesMax);
    expect(lines).toContainEqual(expect.stringMatching(/user="u0".* 2$/));
  });
});
