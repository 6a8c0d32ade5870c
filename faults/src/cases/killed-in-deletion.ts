import type { DeletionHookPhase } from '@plumbline/contracts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplicationFact } from '../world/one-application.ts';
import { OneApplication } from '../world/one-application.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';
import { killSyncer, lookedAtMs } from './kill-syncer.ts';

const phases: readonly DeletionHookPhase[] = ['PreDelete', 'PostDelete'];

/** Syncer dies while a hook of a deletion runs: afterwards the deletion goes on where it was, and the hook is not run again. */
export const killedInDeletionCases: readonly FaultCase[] = phases.map((phase) => ({
  id: `kill-in-${phase.toLowerCase()}`,
  rows: ['F03', 'F44'],
  title: `syncer killed (SIGKILL) while a ${phase} hook of a deletion runs`,
  expected: 'the hook is not run again, objects go only after PreDelete hooks and before PostDelete hooks, and the deletion ends once',
  boundMs: 60_000,
  async inject(context) {
    const application = await OneApplication.begin(context.world);
    try {
      await application.create({ 'web.json': web, 'hook.json': hookOf(phase, application.gate) }, { automated: {}, syncOptions: ['CreateNamespace=true'] });
      await application.fact('SyncSucceeded');
      await killDuring(phase, application, context);
    } finally {
      await application.openGate();
      await application.remove();
    }
  },
}));

const web = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'web' }, data: { a: '1' } });

const hookOf = (phase: DeletionHookPhase, gate: string): string =>
  JSON.stringify({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'hook', annotations: { 'argocd.argoproj.io/hook': phase } },
    spec: { template: { spec: { restartPolicy: 'Never', nodeSelector: { [gate]: 'open' }, containers: [{ name: 'work', image: 'busybox' }] } } },
  });

async function killDuring(phase: DeletionHookPhase, application: OneApplication, context: FaultContext): Promise<void> {
  const { verify } = context;
  await application.delete();
  const before = await application.object('Job', 'hook');
  await killSyncer(context);
  verify('it still waits', endsOf(await application.facts()).length === 0);
  const isThere = (await application.get('ConfigMap', 'web')) !== undefined;
  verify(phase === 'PreDelete' ? 'its objects are still there' : 'its objects have gone', isThere === (phase === 'PreDelete'));
  await application.openGate();
  await application.fact('ApplicationDeleted');
  await sleep(lookedAtMs);

  const ends = endsOf(await application.facts()).map(({ type }) => type);
  verify('the hook and the deletion end exactly once', ends.join() === 'DeletionHooksEnded,ApplicationDeleted', ends.join());
  verify('its objects have gone', (await application.get('ConfigMap', 'web')) === undefined);
  const after = await application.get('Job', 'hook');
  verify('the hook was not run again', after?.metadata.uid === before.metadata.uid, `${before.metadata.uid} → ${after?.metadata.uid}`);
  verify('nothing holds the hook', after?.metadata.finalizers === undefined, after?.metadata.finalizers?.join());
}

const endsOf = (facts: readonly ApplicationFact[]): ApplicationFact[] =>
  facts.filter(({ type }) => ['DeletionHooksEnded', 'ApplicationDeleted'].includes(type));
