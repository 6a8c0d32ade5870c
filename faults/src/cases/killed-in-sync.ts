import { setTimeout as sleep } from 'node:timers/promises';
import type { OneApplication as Application, ApplicationFact } from '../world/one-application.ts';
import { OneApplication } from '../world/one-application.ts';
import type { FaultCase, FaultContext } from './fault-case.ts';
import { killSyncer, lookedAtMs } from './kill-syncer.ts';
import { syncMoments, type SyncMoment } from './sync-moments.ts';

/** Syncer dies at a known point of a sync: afterwards the sync ends exactly once, as it would have, and no hook runs twice. */
export const killedInSyncCases: readonly FaultCase[] = syncMoments.map((moment) => ({
  id: moment.id,
  rows: moment.rows,
  title: `syncer killed (SIGKILL) ${moment.title}`,
  expected: moment.expected,
  boundMs: 60_000,
  async inject(context) {
    const application = await OneApplication.begin(context.world);
    try {
      await application.create(moment.files(application), moment.syncPolicy);
      await killAt(moment, application, context);
    } finally {
      await application.remove();
    }
  },
}));

async function killAt(moment: SyncMoment, application: Application, context: FaultContext): Promise<void> {
  const { verify } = context;
  const operation = await moment.reached(application);
  const hooks = await uidsOf(moment.hooks, application);
  verify('its hooks are there', !hooks.includes(undefined), hooks.join(', '));
  await killSyncer(context);
  const meanwhile = ofOperation(await application.facts(), operation);
  verify('it still waits', endsOf(meanwhile).length === 0, meanwhile.map(({ type }) => type).join(', '));
  for (const name of moment.later) verify(`${name} has not been applied`, (await application.get('ConfigMap', name)) === undefined);
  const attempts = meanwhile.filter(({ type }) => type === 'SyncStarted').length;
  verify('it was begun once', attempts === 1, `${attempts} times`);
  await moment.released(application);
  await application.fact(moment.ends.type, ({ data }) => data.operationId === operation);
  await sleep(lookedAtMs);

  const facts = ofOperation(await application.facts(), operation);
  const ends = endsOf(facts);
  verify('it ends exactly once', ends.length === 1, ends.map(({ type }) => type).join(', '));
  const [end] = ends;
  verify('with the right outcome', end?.type === moment.ends.type && moment.ends.says.test(end.data.message), JSON.stringify(end?.data));
  const steps = facts.flatMap((fact) => (fact.type === 'SyncStepCompleted' ? [fact.data.step] : []));
  verify('each step has one outcome', new Set(steps).size === steps.length, steps.join(', '));
  const after = await uidsOf(moment.hooks, application);
  verify('no hook was run again', hooks.join() === after.join(), `${hooks.join()} → ${after.join()}`);
}

const uidsOf = (hooks: readonly string[], application: Application): Promise<(string | undefined)[]> =>
  Promise.all(hooks.map(async (name) => (await application.get('Job', name))?.metadata.uid));

const ofOperation = (facts: readonly ApplicationFact[], operation: string): ApplicationFact[] =>
  facts.filter(({ data }) => (data as { operationId?: string }).operationId === operation);

function endsOf(facts: readonly ApplicationFact[]): Extract<ApplicationFact, { type: 'SyncSucceeded' | 'SyncFailed' }>[] {
  return facts.filter((fact): fact is Extract<ApplicationFact, { type: 'SyncSucceeded' | 'SyncFailed' }> =>
    ['SyncSucceeded', 'SyncFailed'].includes(fact.type),
  );
}
