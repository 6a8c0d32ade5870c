import { AppError, projectOf } from '@plumbline/contracts';
import type { AppProject, Application, Logger } from '@plumbline/contracts';
import type { KubeClient } from '@plumbline/kube';
import { limits } from '../limits.ts';
import { makeReconciler } from '../reconciler.ts';

/** On an AppProject: it goes only when no Application is in it any more. */
const finalizer = 'resources-finalizer.argocd.argoproj.io';
const namesShown = 5;

export interface ProjectDeletions {
  /** A project as the watch tells it. */
  seen(project: AppProject): void;
  stop(): Promise<void>;
}

/**
 * Lets AppProjects go that are being deleted, as soon as no Application names them (argocd-compat B114). Applications are
 * asked for, not watched: a project that is still in use is looked at again, later each time.
 */
export function makeProjectDeletions({ kube, namespace, log }: { kube: KubeClient; namespace: string; log: Logger }): ProjectDeletions {
  const ref = (name: string) => ({ group: 'argoproj.io', version: 'v1alpha1', kind: 'AppProject', namespace, name });
  const isWaiting = ({ metadata: { deletionTimestamp, finalizers = [] } }: Pick<AppProject, 'metadata'>): boolean =>
    deletionTimestamp !== undefined && finalizers.includes(finalizer);

  const reconcile = async (name: string): Promise<void> => {
    const project = (await kube.get(ref(name))) as unknown as AppProject | undefined;
    if (project === undefined || !isWaiting(project)) return;
    const { items } = await kube.list({ group: 'argoproj.io', version: 'v1alpha1', kind: 'Application' }, { namespace });
    const users = items.filter((object) => projectOf(object as unknown as Application) === name).map(({ metadata }) => metadata.name);
    if (users.length > 0) {
      const shown = `${users.slice(0, namesShown).join(', ')}${users.length > namesShown ? ` and ${users.length - namesShown} more` : ''}`;
      throw new AppError(
        'failed-precondition',
        `the project is to be deleted and still has applications (${shown}): delete them, or give them another project`,
      );
    }
    const { resourceVersion, finalizers = [] } = project.metadata;
    // The resourceVersion makes it a precondition: a finalizer that somebody added meanwhile isn't lost.
    const left = finalizers.filter((other) => other !== finalizer);
    await kube.mergePatch(ref(name), { metadata: { finalizers: left, resourceVersion } }, { fieldManager: 'plumbline-rbac' });
  };
  const reconciler = makeReconciler({ reconcile, log, retryMsMin: limits.retryMsMin, retryMsMax: limits.retryMsMax });
  return {
    seen(project) {
      if (isWaiting(project)) reconciler.enqueue(project.metadata.name);
    },
    stop: () => reconciler.stop(),
  };
}
