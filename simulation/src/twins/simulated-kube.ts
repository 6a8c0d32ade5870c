import { AppError, type Logger } from '@plumbline/contracts';
import type { KubeClient, MemoryCluster, ObjectRef } from '@plumbline/kube';
import type { Plant } from '../plants.ts';
import type { Faults } from '../faults.ts';
import type { Agenda } from '../time/agenda.ts';
import type { Process } from '../time/process.ts';

export const clusterAway = (): AppError => new AppError('cluster-unreachable', 'the API server is away (simulated)', { retry: 'later' });

export interface KubeSurroundings {
  faults: Faults;
  agenda: Agenda;
  plant: Plant | undefined;
  deletes(process: Process, ref: ObjectRef): void;
  loggerOf(process: Process): Logger;
}

/** The way of one process to the API server: each call a step, each watch event late by a time of its own. */
export function simulatedKube(cluster: MemoryCluster, process: Process, { faults, agenda, plant, ...noticed }: KubeSurroundings): KubeClient {
  const client = cluster.client({
    later: (run) =>
      void agenda.in(faults.latencyMs(), `${process.name}: watch`, () => {
        if (process.isAlive) process.run(run);
      }),
  });
  process.whenDead(() => void client.close());
  const call = <T>(label: string, effect: () => Promise<T>): Promise<T> => faults.call('kube', label, clusterAway, effect);
  return {
    discover: (options) => call('discover', () => client.discover(options)),
    get: (ref) => call(`get ${ref.kind} ${ref.name}`, () => client.get(ref)),
    list: (kind, options) => call(`list ${kind.kind}`, () => client.list(kind, options)),
    create: (object, options) => call(`create ${object.kind} ${object.metadata.name}`, () => client.create(object, options)),
    apply: (object, options) =>
      call(`${options.dryRun === true ? 'dry run' : 'apply'} ${object.kind} ${object.metadata.name}`, () => {
        if (plant === 'log-objects') noticed.loggerOf(process).info('applies', { object });
        return client.apply(object, plant === 'apply-nothing' ? { ...options, dryRun: true } : options);
      }),
    mergePatch: (ref, patch, options) =>
      call(`patch ${ref.kind} ${ref.name}`, () => {
        const { operation, ...rest } = patch as Record<string, unknown>;
        return client.mergePatch(ref, plant === 'lose-operation' && operation != null ? rest : patch, options);
      }),
    replace: (object, options) => call(`replace ${object.kind} ${object.metadata.name}`, () => client.replace(object, options)),
    delete: (ref, options) =>
      call(`delete ${ref.kind} ${ref.name}`, () => {
        noticed.deletes(process, ref);
        return client.delete(ref, options);
      }),
    watch: (options) => client.watch(options),
    close: () => client.close(),
  };
}
