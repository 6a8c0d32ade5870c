import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findControlPlanePrograms, startControlPlane } from '@plumbline/testing';
import type { RunningPlatform } from '../platform.ts';
import { platformStatus, startPlatform, stopPlatform } from '../platform.ts';

const stateDir = join(import.meta.dirname, '../../../.plumbline/bench-sync');
const tell = (line: string): void => void process.stderr.write(`${line}\n`);

/** A Pod with this annotation (`200ms`) becomes ready so long after it was scheduled, others at once. */
export const readyAfterAnnotation = 'bench.plumbline.dev/ready-after';

/**
 * On a platform of its own with nothing in it, started as `npm start` does, and a control plane whose controllers don't
 * throttle themselves: what is measured is Plumbline and the API server. Both go afterwards.
 */
export async function onBenchPlatform(measure: (platform: RunningPlatform) => Promise<void>): Promise<void> {
  await using started = new AsyncDisposableStack();
  const where = `--state-dir=${join(stateDir, 'platform')}`;
  if (platformStatus(where) !== undefined) throw new Error(`another bench runs here, or was broken off: wait for its end, or npm stop -- ${where}`);
  await rm(stateDir, { recursive: true, force: true });
  await mkdir(stateDir, { recursive: true, mode: 0o711 });
  started.defer(() => rm(stateDir, { recursive: true, force: true }));
  const programs = await findControlPlanePrograms({ progress: tell });
  const kwokStages = join(stateDir, 'stages.yaml');
  await writeFile(kwokStages, withReadyAfter(await readFile(programs.kwokStages, 'utf8')));
  const plane = await startControlPlane({ stateDir: join(stateDir, 'control-plane'), programs: { ...programs, kwokStages }, hasRequestLimits: false });
  started.defer(() => plane.stop());
  startPlatform(where, `--kubeconfig=${plane.kubeconfig}`);
  started.defer(() => stopPlatform(where));
  await measure(platformStatus(where)!);
}

/** KWOK's stage by which a Pod becomes ready, with a delay that the Pod can ask for. */
function withReadyAfter(stages: string): string {
  const head = 'name: pod-ready\nspec:\n';
  if (!stages.includes(head)) throw new Error("KWOK's stages have no pod-ready any more: its delay must be put somewhere else");
  const delay = `  delay:\n    durationMilliseconds: 0\n    durationFrom:\n      expressionFrom: '.metadata.annotations["${readyAfterAnnotation}"]'\n`;
  return stages.replace(head, `${head}${delay}`);
}
