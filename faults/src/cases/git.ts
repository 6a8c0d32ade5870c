import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { applicationName } from '../load/workload.ts';
import type { CaseContext, FaultCase } from './fault-case.ts';

/** Rows F-29 to F-31, F-34 and F-35: Git servers that are away, slow, or tell another story than before. */
export const git: readonly FaultCase[] = [
  {
    id: 'f-29-git-away',
    title: 'the Git server answers 503, then lets everybody wait',
    rows: ['F-29', 'F-30'],
    expected: 'The last revision goes on being healed; the newest is found once the server is back',
    boundMs: 90_000,
    runs: 1,
    async inject(context) {
      const { git: server } = context.platform;
      for (let run = 0; run < context.runs; run++) {
        server.setTrouble({ status: 503 });
        context.count('Git answers 503');
        await healsWithoutGit(context);
        await sleep(6_000);
        server.setTrouble({ delayMs: 8_000 });
        context.count('Git answers 8 s late');
        await sleep(10_000);
        server.setTrouble(undefined);
      }
    },
    restore: async ({ platform }) => platform.git.setTrouble(undefined),
  },
  {
    id: 'f-30-git-hangs',
    title: 'the Git server stops in the middle of its answers',
    rows: ['F-30'],
    expected: 'The fetch is given up after its limit and made again',
    boundMs: 90_000,
    runs: 1,
    async inject(context) {
      for (let run = 0; run < context.runs; run++) {
        context.platform.git.setTrouble({ hangs: true });
        context.count('Git hangs in an answer');
        await sleep(12_000);
        context.platform.git.setTrouble(undefined);
      }
    },
    restore: async ({ platform }) => platform.git.setTrouble(undefined),
  },
  {
    id: 'f-31-history-rewritten',
    title: 'the branch force-pushed, deleted and made again',
    rows: ['F-31'],
    expected: 'The cluster follows what the branch is now; nothing is pruned while there is no branch',
    boundMs: 60_000,
    runs: 3,
    async inject(context) {
      const { load, random } = context;
      for (let run = 0; run < context.runs; run++) {
        await sleep(random.between(500, 2_000));
        await load.rewrite(`rewritten ${run}`);
        context.count('force-push');
        await sleep(random.between(500, 2_000));
        await load.deleteBranch();
        context.count('branch deleted');
        await sleep(random.between(5_000, 8_000));
        await load.restoreBranch();
      }
    },
    restore: ({ load }) => load.restoreBranch(),
  },
  {
    id: 'f-35-webhook-missed',
    title: 'nobody tells about a push',
    rows: ['F-35'],
    expected: 'The poll finds it',
    boundMs: 40_000,
    runs: 1,
    async inject(context) {
      context.platform.git.setWebhook(undefined);
      await sleep(4_000 * context.runs);
      context.count('webhooks not sent', 1);
    },
    restore: async ({ platform }) => platform.git.setWebhook(platform.webhook),
  },
  {
    id: 'f-34-webhook-flood',
    title: 'a flood of webhooks, forged, malformed and replayed',
    rows: ['F-34', 'T6'],
    expected: 'All forged ones are refused; those who work notice nothing',
    boundMs: 60_000,
    runs: 400,
    inject: floodWebhooks,
  },
];

/** A value changed by hand is healed although nobody can reach Git. */
async function healsWithoutGit({ platform, load, violation, checked }: CaseContext): Promise<void> {
  const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: applicationName(0), name: 'c0' };
  await platform.kube.mergePatch(ref, { data: { value: 'while Git is away' } }, { fieldManager: 'kubectl-edit' });
  const deadline = Date.now() + 30_000;
  for (;;) {
    const object = await platform.kube.get(ref);
    const value = (object?.['data'] as { value?: string } | undefined)?.value;
    if (value !== undefined && value !== 'while Git is away' && !value.startsWith('by hand')) break;
    if (Date.now() > deadline) return violation(`F-29: ${ref.namespace}/c0 was not healed within 30 s while Git was away (${load.head.slice(0, 8)})`);
    await sleep(100);
  }
  checked('healed without Git');
}

async function floodWebhooks(context: CaseContext): Promise<void> {
  const { platform, random, load } = context;
  const push = { ref: 'refs/heads/main', before: 'a'.repeat(40), after: 'b'.repeat(40), repository: { clone_url: load.repoUrl, html_url: load.repoUrl } };
  const body = JSON.stringify(push);
  const sign = (secret: string, text: string) => `sha256=${createHmac('sha256', secret).update(text).digest('hex')}`;
  const kinds = {
    unsigned: { text: body, signature: undefined },
    forged: { text: body, signature: sign('guess', body) },
    'changed after signing': { text: body.replaceAll('bbbb', 'cccc'), signature: sign(platform.webhook.secret, body) },
    'not JSON': { text: '{"ref":', signature: sign('guess', '{"ref":') },
    huge: { text: `{"ref":"${'x'.repeat(200_000)}"}`, signature: sign('guess', '') },
  };
  const names = Object.keys(kinds) as (keyof typeof kinds)[];
  const post = async (): Promise<void> => {
    const name = random.pick(names);
    const { text, signature } = kinds[name];
    const headers = { 'content-type': 'application/json', 'x-github-event': 'push', ...(signature === undefined ? {} : { 'x-hub-signature-256': signature }) };
    const answer = await request(platform.webhook.url, { method: 'POST', headers, body: text });
    await answer.body.dump();
    context.count(`webhook ${name}`);
    if (answer.statusCode < 400 || answer.statusCode >= 500) context.violation(`T6: a webhook that was ${name} was answered ${answer.statusCode}`);
  };
  for (let sent = 0; sent < context.runs; sent += 20) await Promise.all(Array.from({ length: 20 }, post));
  context.checked('all refused');
}
