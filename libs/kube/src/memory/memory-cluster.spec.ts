import { expect, it } from 'vitest';
import { describeKubeClient } from '../contract/describe-kube-client.ts';
import { MemoryCluster } from './memory-cluster.ts';

function cluster(): MemoryCluster {
  const made = new MemoryCluster({ clock: () => 1_780_000_000_000 });
  made.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'test' } }, {});
  return made;
}

describeKubeClient('in memory', async () => {
  const kube = cluster().client();
  return { kube, namespace: 'test', drop: () => kube.close() };
});

it('a watch that was cut hears what it missed, or lists again', async () => {
  const memory = cluster();
  const kube = memory.client({ later: (run) => queueMicrotask(run) });
  const heard: string[] = [];
  kube.watch({
    group: '',
    version: 'v1',
    kind: 'ConfigMap',
    listener: {
      upsert: ({ metadata }) => void heard.push(metadata.name),
      remove: ({ metadata }) => void heard.push(`${metadata.name} gone`),
      synced: () => void heard.push('synced'),
      interrupted: () => void heard.push('interrupted'),
    },
  });
  const make = (name: string): unknown => kube.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'test' } });
  await make('a');
  await expect.poll(() => heard).toEqual(['a', 'synced']);
  for (const isTooOld of [false, true]) {
    const cut = memory.cut(() => true, new Error('cut'));
    await kube.delete({ group: '', version: 'v1', kind: 'ConfigMap', namespace: 'test', name: isTooOld ? 'b' : 'a' });
    await make(isTooOld ? 'c' : 'b');
    cut.reconnect(isTooOld);
  }
  await expect.poll(() => heard.slice(2)).toEqual(['interrupted', 'synced', 'interrupted', 'c', 'a gone', 'synced']);
});
