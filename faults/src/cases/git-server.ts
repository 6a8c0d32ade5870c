import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GitWorkspace } from '@plumbline/testing';
import { eventually } from '@plumbline/testing/scenario';
import type { FaultCase, FaultContext } from './fault-case.ts';

export const gitCases: readonly FaultCase[] = [
  {
    id: 'git-down',
    rows: ['F29'],
    title: 'the Git server answers 503, then 500, for 15 s under load',
    expected: 'the last state goes on being healed; what was pushed meanwhile is found within 60 s',
    boundMs: 90_000,
    async inject(context) {
      const { world, injected, verify } = context;
      try {
        world.git.setTrouble({ status: 503 });
        injected('Git server answers 503');
        const [isHealed] = await Promise.all([isHealedMeanwhile(context), sleep(7_500)]);
        verify('what is changed by hand is healed while Git is away', isHealed);
        world.git.setTrouble({ status: 500 });
        injected('Git server answers 500');
        await sleep(7_500);
      } finally {
        world.git.setTrouble(undefined);
      }
    },
  },
  {
    id: 'git-hangs',
    rows: ['F30'],
    title: 'the Git server takes a request and says nothing for 12 s',
    expected: 'a slow fetch delays its own repository; nothing else waits',
    boundMs: 120_000,
    async inject({ world, injected }) {
      world.git.setTrouble({ delayMs: 12_000 });
      injected('Git server hangs');
      await sleep(15_000);
      world.git.setTrouble(undefined);
    },
  },
  {
    id: 'git-rewritten',
    rows: ['F31'],
    title: 'the branch force-pushed, and deleted and created again, under load',
    expected: 'the newest state of the branch is what counts; nothing pruned because the branch was away',
    boundMs: 90_000,
    async inject({ world, load, random, scale, injected }) {
      // Nobody else pushes while history changes: two workspaces would be a merge, not a fault.
      await load.stop();
      const { git, history, demo, random: loadRandom } = load.stage;
      // As servers do it for branches that are not protected.
      await new GitWorkspace(join(world.stateDir, 'git', 'demo.git')).git('config', 'receive.denyDeleteCurrent', 'ignore');
      for (let done = 0; done < 2 * Math.min(scale, 2); done++) {
        const { files, applications } = demo.change(loadRandom);
        await git.commit(files);
        await git.git('commit', '--quiet', '--amend', '--no-edit', '--message=Rewritten');
        await git.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
        injected('force-push');
        await sleep(random.int(500, 3_000));
        await git.git('commit', '--quiet', '--amend', '--no-edit', '--message=Rewritten again');
        await git.git('push', '--quiet', '--force', 'origin', 'HEAD:main');
        injected('force-push');
        history.pushed.push({ commit: await git.head(), applications });
        await sleep(random.int(500, 3_000));
        await git.git('push', '--quiet', 'origin', 'HEAD:refs/heads/keep');
        await git.git('push', '--quiet', 'origin', ':main');
        injected('branch deleted');
        await sleep(random.int(500, 6_000));
        await git.git('push', '--quiet', 'origin', 'HEAD:main');
      }
    },
  },
  {
    id: 'webhooks-missed',
    rows: ['F35'],
    title: 'no webhook arrives for a while',
    expected: 'polling (5 s here) finds what was pushed',
    boundMs: 60_000,
    async inject({ world, load, injected }) {
      world.setWebhooks(false);
      const before = load.stage.history.pushed.length;
      await sleep(8_000);
      await load.stop();
      injected('webhook not sent', load.stage.history.pushed.length - before);
    },
    check: async ({ world }) => world.setWebhooks(true),
  },
];

/** Somebody changes an object by hand; nobody can ask Git what it should be. */
async function isHealedMeanwhile({ world, load }: FaultContext): Promise<boolean> {
  const { demo } = load.stage;
  const ref = { group: '', version: 'v1', kind: 'ConfigMap', namespace: demo.namespaceOf(demo.names[0]!), name: 'keep-0' };
  const changed = 'while Git is away';
  await world.kube.mergePatch(ref, { data: { value: changed } }, { fieldManager: 'kubectl-edit' });
  const value = async (): Promise<unknown> => ((await world.kube.get(ref))?.['data'] as { value?: string } | undefined)?.value;
  return eventually('healed', async () => ((await value()) === changed ? undefined : true), 30_000).catch(() => false);
}
