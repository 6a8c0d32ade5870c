import { performance } from 'node:perf_hooks';
import type { KubeClient } from '@plumbline/kube';
import { print, summary } from './measure.ts';

/**
 * The speed of light of this machine: server-side applies of a bare client against the same API server, changing one
 * value each time. One after the other for latency, sixteen at a time for throughput.
 */
export async function calibrate(kube: KubeClient, namespace: string): Promise<void> {
  const apply = async (name: string, value: number): Promise<void> => {
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { value: String(value), text: 'x'.repeat(1_000) } };
    await kube.apply(object, { fieldManager: 'calibration' });
  };
  await apply('calibration-0', 0);
  const latencies: number[] = [];
  for (let round = 1; round <= 100; round++) {
    const started = performance.now();
    await apply('calibration-0', round);
    latencies.push(performance.now() - started);
  }
  print('calibration: one server-side apply after the other, ms', summary(latencies));

  const lanes = 16;
  const perLane = 40;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let round = 0; round < perLane; round++) await apply(`calibration-${lane}`, 1_000 + round);
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  print('calibration: server-side applies per second, 16 at a time', { perSecond: Math.round((lanes * perLane) / seconds) });
}
