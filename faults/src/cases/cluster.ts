import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeProxy, KubeTrouble, SeenRequest } from '../platform/kube-proxy.ts';
import type { Random } from '../random.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-21 to F-23: an API server that is away, overloaded, forgetful or cut off in the middle of a sentence. */
export const cluster: readonly FaultCase[] = [
  {
    id: 'f-22-api-server-away',
    title: 'the API server refuses every connection, then stands still with the connections open',
    rows: ['F-22'],
    expected: 'Nothing is pruned; the watches resume and what changed meanwhile is found',
    boundMs: 90_000,
    runs: 1,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        for (const proxy of proxiesOf(context)) await proxy.close();
        context.count('API server away');
        await sleep(8_000);
        for (const proxy of proxiesOf(context)) await proxy.listen();
        await sleep(3_000);
        signalApiServer(context, 'SIGSTOP');
        context.count('API server standing still');
        await sleep(8_000);
        signalApiServer(context, 'SIGCONT');
      }
    },
    async restore(context) {
      signalApiServer(context, 'SIGCONT');
      for (const proxy of proxiesOf(context)) await proxy.listen().catch(() => undefined);
    },
  },
  {
    id: 'f-21-throttled',
    title: 'the API server answers 429 with Retry-After, 500, 503, and late',
    rows: ['F-21'],
    expected: 'Tried again, later; nothing is pruned',
    boundMs: 90_000,
    runs: 1,
    inject: (context) => underTrouble(context, 12_000, (random) => (request) => throttled(random, request)),
    restore: noTrouble,
  },
  {
    id: 'f-22-watches-cut',
    title: 'watches cut again and again, and answered 410 Gone',
    rows: ['F-22'],
    expected: 'They resume or list again; nothing is missed, nothing is pruned',
    boundMs: 90_000,
    runs: 12,
    async inject(context) {
      setRule(context, (random) => (request) => (isWatch(request) && random.below(3) === 0 ? { kind: 'answer', status: 410 } : undefined));
      for (let run = 0; run < context.runs; run++) {
        await sleep(context.random.between(200, 1_500));
        for (const proxy of proxiesOf(context)) context.count('watch cut', proxy.cutWatches());
      }
      await noTrouble(context);
    },
    restore: noTrouble,
  },
  {
    id: 'f-23-partial-lists',
    title: 'lists cut off in the middle, and continue tokens that have expired',
    rows: ['F-23'],
    expected: 'An incomplete list is no list: nothing counts as gone, nothing is pruned',
    boundMs: 90_000,
    runs: 1,
    async inject(context) {
      setRule(context, (random) => (request) => partial(random, request));
      for (let round = 0; round < 8 * context.runs; round++) {
        // Without their watches they have to list again.
        for (const proxy of proxiesOf(context)) context.count('watch cut', proxy.cutWatches());
        await sleep(context.random.between(700, 1_500));
      }
      await noTrouble(context);
    },
    restore: noTrouble,
  },
];

const isWatch = ({ path }: SeenRequest): boolean => path.includes('watch=');
const isList = ({ method, path }: SeenRequest): boolean => method === 'GET' && !path.includes('watch=') && /\?.*limit=/.test(path);

function throttled(random: Random, request: SeenRequest): KubeTrouble | undefined {
  if (isWatch(request)) return undefined;
  const lot = random.below(10);
  if (lot < 3) return { kind: 'answer', status: 429, headers: { 'retry-after': '1' } };
  if (lot < 5) return { kind: 'answer', status: random.pick([500, 503]) };
  if (lot < 7) return { kind: 'delay', ms: random.between(100, 2_000) };
  return undefined;
}

function partial(random: Random, request: SeenRequest): KubeTrouble | undefined {
  if (isWatch(request)) return { kind: 'answer', status: 410 };
  if (!isList(request)) return undefined;
  const lot = random.below(10);
  if (lot < 5) return { kind: 'truncate', bytes: random.between(20, 2_000) };
  if (lot < 7) return { kind: 'answer', status: 410 };
  return undefined;
}

async function underTrouble(context: CaseContext, forMs: number, ruleOf: (random: Random) => (request: SeenRequest) => KubeTrouble | undefined): Promise<void> {
  for (let run = 0; run < context.runs; run++) {
    setRule(context, ruleOf);
    await sleep(forMs);
    await noTrouble(context);
  }
}

function setRule(context: CaseContext, ruleOf: (random: Random) => (request: SeenRequest) => KubeTrouble | undefined): void {
  const rule = ruleOf(context.random.fork('rule'));
  for (const proxy of proxiesOf(context)) {
    proxy.rule = (request) => {
      const trouble = rule(request);
      if (trouble !== undefined) context.count(trouble.kind === 'answer' ? `answer ${trouble.status}` : trouble.kind);
      return trouble;
    };
  }
}

const proxiesOf = ({ platform }: CaseContext): KubeProxy[] => Object.values(platform.proxies);

function noTrouble(context: CaseContext): Promise<void> {
  for (const proxy of proxiesOf(context)) proxy.rule = undefined;
  return Promise.resolve();
}

function signalApiServer({ platform }: CaseContext, signal: NodeJS.Signals): void {
  const server = platform.controlPlane.processes.find(({ name }) => name === 'kube-apiserver');
  if (server !== undefined) process.kill(server.pid, signal);
}
