import { AppError } from '@plumbline/contracts';
import type { KubeObject, Step } from '@plumbline/manifests';
import { applicationSyncOptions } from '@plumbline/manifests';
import { expect, test } from 'vitest';
import type { DesiredObject } from '../desired/desired-object.ts';
import type { OperationRecord } from '../domain/state.ts';
import type { StepContext } from './step-context.ts';
import { applyStep } from './apply-step.ts';

const configMap = (name: string): KubeObject => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'ns', uid: `uid-${name}` } });
const objects = Array.from({ length: 40 }, (_, index) => configMap(`c${index}`));

/** The cluster is lost to another instance with the write number `last`. */
function losingTheCluster(last: number): { context: StepContext; written: string[] } {
  const written: string[] = [];
  const write = (name: string): void => void written.push(name);
  const context = {
    kube: {
      apply: (object: KubeObject) => Promise.resolve(write(object.metadata.name)).then(() => object),
      delete: ({ name }: { name: string }) => Promise.resolve(write(name)).then(() => true),
    },
    judge: { judge: () => Promise.resolve({ status: 'OutOfSync', fields: [] }), applied: () => undefined, forget: () => undefined },
    operation: { operation: { prune: true } } as unknown as OperationRecord,
    instance: 'web',
    options: applicationSyncOptions(undefined),
    desired: (object: KubeObject) => ({ key: object.metadata.name, object, options: { validate: true } }) as unknown as DesiredObject,
    live: () => undefined,
    forbidden: () => undefined,
    isDoneAndGone: () => false,
    isApplication: () => false,
    assertOwner: () => {
      if (written.length >= last) throw new AppError('failed-precondition', 'the lease is not held');
    },
    observe: () => undefined,
  };
  return { context: context as unknown as StepContext, written };
}

const step = (part: Partial<Step>): Step => ({ phase: 'Sync', wave: 0, objects: [], prune: [], ...part });

test.each([0, 1, 20])('who loses the cluster after %i writes writes no more, and says no results', async (last) => {
  const { context, written } = losingTheCluster(last);
  await expect(applyStep(step({ objects: objects.map((object) => ({ object, isHook: false })) }), context)).rejects.toThrow('lease is not held');
  expect(written.length).toBe(last);
});

test('nor prunes', async () => {
  const { context, written } = losingTheCluster(3);
  await expect(applyStep(step({ prune: objects }), context)).rejects.toThrow('lease is not held');
  expect(written.length).toBe(3);
});
