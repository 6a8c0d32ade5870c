/**
 * Raw server-side applies per second of one bare client: the machine's calibration for everything that writes.
 * `TEST_KUBECONFIG=… node --conditions=@plumbline/source libs/kube/bench/apply.ts [seconds per run]`; one JSON line per
 * concurrency. Works in a namespace of its own, deleted at the end.
 */
import { silentLogger } from '@plumbline/contracts';
import { loadConnection, makeKubeClient } from '../src/index.ts';

const seconds = Number(process.argv[2] ?? 5);
const connection = await loadConnection({ kubeconfigPath: process.env['TEST_KUBECONFIG'] ?? '', env: process.env });
const namespace = `apply-bench-${process.pid}`;
const admin = makeKubeClient({ connection, log: silentLogger });
await admin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
try {
  for (const concurrency of [8, 16, 32]) {
    const kube = makeKubeClient({ connection, log: silentLogger, limits: { connectionsMax: concurrency } });
    await kube.discover();
    const names = 100;
    let sent = 0;
    const latencies: number[] = [];
    const end = performance.now() + seconds * 1000;
    const began = performance.now();
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        while (performance.now() < end) {
          const turn = sent++;
          const start = performance.now();
          // A new value each time: an apply that changes nothing is not written.
          await kube.apply(
            { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${turn % names}`, namespace }, data: { turn: String(turn) } },
            { fieldManager: 'bench' },
          );
          latencies.push(performance.now() - start);
        }
      }),
    );
    const elapsed = (performance.now() - began) / 1000;
    latencies.sort((a, b) => a - b);
    const at = (share: number): number => Math.round((latencies[Math.floor(latencies.length * share)] ?? 0) * 100) / 100;
    const result = {
      bench: 'kube-apply',
      concurrency,
      applies: latencies.length,
      perSecond: Math.round(latencies.length / elapsed),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    await kube.close();
  }
} finally {
  await admin.delete({ group: '', version: 'v1', kind: 'Namespace', name: namespace });
  await admin.close();
}
