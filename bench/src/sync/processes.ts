import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { rounded } from '../measure.ts';
import type { RunningPlatform } from '../platform.ts';

/** What a stretch of time cost, and who paid. CPU in seconds. */
export interface Cost {
  /** Of Plumbline's processes with their engines and git, and of its PostgreSQL, NATS and Redis. */
  plumbline: number;
  controlPlane: number;
  /** Of everything that took part: `git server` is the demo's, `bench` is this process and its git. */
  cpuSeconds: Record<string, number>;
  /** The process that can't give more, the machine, or nothing but waiting. */
  boundBy: string;
  /** Share of the machine that was taken by what isn't ours: with much of it, the figure beside it says little. */
  othersShare: number;
}

/** Of Linux: /proc counts in hundredths of a second, and resident memory in pages of 4 KiB. */
const ticksPerSecond = 100;
const stores: Readonly<Record<string, string>> = { postgres: 'PostgreSQL', 'nats-server': 'NATS', 'redis-server': 'Redis' };
const controlPlane: Readonly<Record<string, string>> = {
  etcd: 'etcd',
  'kube-apiserver': 'kube-apiserver',
  // The kernel keeps fifteen characters of a name.
  'kube-controller': 'kube-controller-manager',
  'kube-scheduler': 'kube-scheduler',
  kwok: 'KWOK',
};
const controlPlaneNames = new Set(Object.values(controlPlane));
const notPlumbline = new Set([...controlPlaneNames, 'git server', 'bench']);
/** A process of one thread that has so much of a core, or a machine that is so busy, is what bounds. */
const fullShare = 0.85;

/**
 * Counts from now on; the answer gives the cost until it is called. Servers that the platform didn't start (`--postgres`,
 * `--use-local` …) are not seen: they are not in `cpuSeconds`, and not in the sums.
 */
export function startCounting(platform: RunningPlatform): () => Cost {
  const before = ticksOf(platform);
  const machineBefore = machineTicks();
  const startedAt = performance.now();
  return () => {
    const seconds = (performance.now() - startedAt) / 1000;
    const machine = machineTicks();
    const spent = [...ticksOf(platform)].map(([name, ticks]) => [name, (ticks - (before.get(name) ?? 0)) / ticksPerSecond] as const);
    const sum = (fits: (name: string) => boolean): number => spent.reduce((total, [name, cpu]) => total + (fits(name) ? cpu : 0), 0);
    const busyShare = (machine.busy - machineBefore.busy) / Math.max(1, machine.all - machineBefore.all);
    return {
      plumbline: rounded(sum((name) => !notPlumbline.has(name))),
      controlPlane: rounded(sum((name) => controlPlaneNames.has(name))),
      cpuSeconds: Object.fromEntries(spent.filter(([, cpu]) => cpu >= 1 / ticksPerSecond).map(([name, cpu]) => [name, rounded(cpu)])),
      boundBy: boundOf(spent, seconds, busyShare),
      othersShare: Math.max(0, rounded(busyShare - sum(() => true) / (seconds * availableParallelism()))),
    };
  };
}

/** Resident memory of each service, in MB; of renderer with its engines, of repo-watcher with its git. */
export function memoryOf(platform: RunningPlatform): Record<string, number> {
  const processes = readProcesses();
  return Object.fromEntries(platform.services.map(({ name, pid }) => [name, Math.round((treeSum(pid, processes, 'residentPages') * 4) / 1024)]));
}

export const isAlive = (pid: number): boolean => readProcess(pid) !== undefined;

/** Since its start, without its children. */
export const cpuSecondsOf = (pid: number): number => (readProcess(pid)?.ticks ?? 0) / ticksPerSecond;

function boundOf(spent: readonly (readonly [string, number])[], seconds: number, busyShare: number): string {
  const [name, cpu] = spent.reduce((most, one) => (one[1] > most[1] ? one : most), ['nothing', 0] as const);
  const cores = cpu / seconds;
  const most = `${name} with ${rounded(cores)} cores`;
  if (busyShare >= fullShare) return `the machine (busy ${rounded(busyShare)}); most: ${most}`;
  return cores >= fullShare ? most : `waiting; most: ${most}`;
}

interface Process {
  pid: number;
  parent: number;
  name: string;
  /** Also those of children that have ended. */
  ticks: number;
  residentPages: number;
}

interface Root {
  own: number;
  isAlone: boolean;
}

/** Ticks by name. Of a child that ends, its parent has them: sums over a tree never go back. */
function ticksOf(platform: RunningPlatform): Map<string, number> {
  const processes = readProcesses();
  const ticks = new Map<string, number>();
  for (const [name, { own, isAlone }] of rootsOf(platform, processes)) {
    ticks.set(name, isAlone ? (processes.get(own)?.ticks ?? 0) : treeSum(own, processes, 'ticks'));
  }
  return ticks;
}

/** The services, the servers that their supervisor started beside them, the supervisor (the Git server is in it), and us. */
function rootsOf({ services }: RunningPlatform, processes: ReadonlyMap<number, Process>): Map<string, Root> {
  const roots = new Map<string, Root>([['bench', { own: process.pid, isAlone: true }]]);
  const supervisor = services.map(({ pid }) => processes.get(pid)?.parent).find((parent) => parent !== undefined);
  if (supervisor === undefined) return roots;
  roots.set('git server', { own: supervisor, isAlone: true });
  for (const { pid, parent, name } of processes.values()) {
    // The control plane of these benches is started by themselves.
    if (parent !== supervisor && !(parent === process.pid && name in controlPlane)) continue;
    const known = services.find((service) => service.pid === pid)?.name ?? stores[name] ?? controlPlane[name];
    if (known !== undefined) roots.set(known, { own: pid, isAlone: false });
  }
  return roots;
}

function treeSum(root: number, processes: ReadonlyMap<number, Process>, what: 'ticks' | 'residentPages'): number {
  let sum = processes.get(root)?.[what] ?? 0;
  for (const { pid, parent } of processes.values()) if (parent === root) sum += treeSum(pid, processes, what);
  return sum;
}

function readProcesses(): Map<number, Process> {
  const processes = new Map<number, Process>();
  for (const entry of readdirSync('/proc')) {
    const one = /^\d+$/.test(entry) ? readProcess(Number(entry)) : undefined;
    if (one !== undefined) processes.set(one.pid, one);
  }
  return processes;
}

function readProcess(pid: number): Process | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended while we looked.
    return undefined;
  }
  const end = stat.lastIndexOf(')');
  const name = stat.slice(stat.indexOf('(') + 1, end);
  const fields = stat
    .slice(end + 2)
    .split(' ')
    .map(Number);
  return { pid, name, parent: fields[1]!, ticks: fields[11]! + fields[12]! + fields[13]! + fields[14]!, residentPages: fields[21]! };
}

function machineTicks(): { busy: number; all: number } {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.split(/ +/).slice(1, 9).map(Number);
  const all = fields.reduce((sum, one) => sum + one, 0);
  return { all, busy: all - fields[3]! - fields[4]! };
}
