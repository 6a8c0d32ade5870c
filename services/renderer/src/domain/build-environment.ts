import type { ApplicationSource } from '@plumbline/contracts';

export interface BuildSubject {
  name: string;
  project: string;
  /** The destination's, not the application's own. */
  namespace: string;
  commit: string;
  source: ApplicationSource;
}

/** The variables that parameters may name (Argo CD's build environment). */
export function buildEnvironment({ name, project, namespace, commit, source }: BuildSubject): Record<string, string> {
  return {
    ARGOCD_APP_NAME: name,
    ARGOCD_APP_NAMESPACE: namespace,
    ARGOCD_APP_PROJECT_NAME: project,
    ARGOCD_APP_REVISION: commit,
    ARGOCD_APP_REVISION_SHORT: commit.slice(0, 7),
    ARGOCD_APP_REVISION_SHORT_8: commit.slice(0, 8),
    ARGOCD_APP_SOURCE_REPO_URL: source.repoURL,
    ARGOCD_APP_SOURCE_PATH: source.path ?? '',
    ARGOCD_APP_SOURCE_TARGET_REVISION: source.targetRevision ?? '',
  };
}
