import { setTimeout as sleep } from 'node:timers/promises';
import type { Files } from '@plumbline/testing';
import { calibrate } from '../calibration.ts';
import { print, summary } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';
import { startCounting } from './processes.ts';
import type { Stage } from './stage.ts';
import { onStage } from './stage.ts';
import { hasValue, isSyncedTo } from './checks.ts';
import { StepTimes } from './step-times.ts';

const pauseMs = 300;
const warmUps = 3;
const idleMs = 3_000;

/** How the one ConfigMap is written down, and what a push changes. */
const sources: Readonly<Record<string, { files: Files; change(value: number): Files }>> = {
  plain: { files: {}, change: (value) => ({ 'manifests/config.yaml': configMap(`"${value}"`) }) },
  Kustomize: {
    files: { 'manifests/kustomization.yaml': 'resources:\n  - config.yaml\nlabels:\n  - pairs:\n      team: bench\n' },
    change: (value) => ({ 'manifests/config.yaml': configMap(`"${value}"`) }),
  },
  Helm: {
    files: {
      'manifests/Chart.yaml': 'apiVersion: v2\nname: bench\nversion: 1.0.0\n',
      'manifests/templates/config.yaml': configMap('{{ .Values.value | quote }}'),
    },
    change: (value) => ({ 'manifests/values.yaml': `value: ${value}\n` }),
  },
};

function configMap(value: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: bench\ndata:\n  value: ${value}\n`;
}

/** From a `git push` to the changed object and to Synced, as a watch sees them: one application, one object, webhook. */
export async function benchPush(platform: RunningPlatform, rounds: number, only = Object.keys(sources)): Promise<void> {
  let isCalibrated = false;
  for (const type of only) {
    const source = sources[type]!;
    await onStage(platform, { ...source.files, ...source.change(0) }, async (stage) => {
      if (!isCalibrated) await calibrate(stage.kube, stage.name);
      isCalibrated = true;
      await pushAgainAndAgain(stage, type, rounds);
    });
  }
}

async function pushAgainAndAgain(stage: Stage, type: string, rounds: number): Promise<void> {
  const { change } = sources[type]!;
  const configMaps = stage.observe('', 'v1', 'ConfigMap');
  await stage.create([{ name: stage.name, path: 'manifests' }]);
  await stage.applications.all([stage.name], 'the first sync', isSyncedTo(await stage.git.head()));
  for (let value = 1; value <= warmUps; value++) {
    const { commit } = await stage.push(change(-value));
    await stage.applications.all([stage.name], 'a push before the measured ones', isSyncedTo(commit));
  }

  const idle = await idleCost(stage.platform);
  const [toApplied, fromStart, toSynced]: [number[], number[], number[]] = [[], [], []];
  const steps = await StepTimes.begin(stage);
  const countedFrom = performance.now();
  const count = startCounting(stage.platform);
  for (let value = 1; value <= rounds; value++) {
    const { commit, startedAt, endedAt } = await stage.push(change(value));
    const wallClock = performance.timeOrigin + endedAt;
    const applied = await configMaps.all(['bench'], `value ${value}`, hasValue(value));
    const synced = await stage.applications.all([stage.name], `Synced to ${commit}`, isSyncedTo(commit));
    toApplied.push(applied - endedAt);
    fromStart.push(applied - startedAt);
    toSynced.push(synced - endedAt);
    await sleep(pauseMs);
    steps.pushed(wallClock);
  }
  const seconds = (performance.now() - countedFrom) / 1000;
  const cost = count();
  const perPush = { cpuSecondsPerPush: thousandths(cost.plumbline / rounds), withoutIdle: thousandths((cost.plumbline - idle * seconds) / rounds) };
  print(`sync push, ${type}: end of git push to the watch event of the object, ms`, {
    ...summary(toApplied),
    ...perPush,
    idleCpuPerSecond: thousandths(idle),
    ...cost,
  });
  print(`sync push, ${type}: start of git push to the watch event of the object, ms`, summary(fromStart));
  print(`sync push, ${type}: end of git push to Synced in the status, ms`, summary(toSynced));
  print(`sync push, ${type}: end of git push to each event in the log, median ms`, await steps.medians());
}

/** CPU seconds that Plumbline takes each second while nobody pushes: a push is not to blame for them. */
async function idleCost(platform: RunningPlatform): Promise<number> {
  await sleep(idleMs);
  const count = startCounting(platform);
  await sleep(idleMs);
  const { plumbline } = count();
  return (plumbline / idleMs) * 1000;
}

const thousandths = (value: number): number => Math.round(value * 1000) / 1000;
