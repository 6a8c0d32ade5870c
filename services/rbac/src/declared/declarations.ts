import { AppError, canonicalJson } from '@plumbline/contracts';
import type { AppProject, Logger } from '@plumbline/contracts';
import type { EventLog, RunningConsumer, SqlExecutor } from '@plumbline/event-log';
import type { KubeClient } from '@plumbline/kube';
import type { ServiceContext } from '@plumbline/platform';
import { validateProject } from '@plumbline/policy';
import { decidePolicy, decideProject, evolvePolicy, evolveProject, initialPolicy, initialProject } from '../domain/declaration.ts';
import type { DeclarationEvent, ProjectDeclaration } from '../domain/declaration.ts';
import { readPolicySettings } from '../domain/policy-settings.ts';
import { limits } from '../limits.ts';
import { makeReconciler } from '../reconciler.ts';
import type { ControlSettings } from '../settings/control-settings.ts';
import { makeProjectDeletions } from './project-deletion.ts';
import { declaredProjectStreams, readRecorded } from './recorded.ts';

export interface DeclarationsParts {
  kube: KubeClient;
  namespace: string;
  settings: ControlSettings;
  eventLog: EventLog;
  database: SqlExecutor;
  projection: RunningConsumer;
  event: ServiceContext['event'];
  log: Logger;
}

export interface Declarations {
  /** Every project and the policy are in the log as they are in the cluster, as far as is known. */
  isKnown(): boolean;
  stop(): Promise<void>;
}

const policyStream = 'policy-rbac';
const projectStream = ({ name, uid }: { name: string; uid: string }): string => `project-${name}/${uid}`;

/** Keeps the log in agreement with the AppProjects and with argocd-rbac-cm. */
export function watchDeclarations(parts: DeclarationsParts): Declarations {
  const { kube, namespace, settings, database, log } = parts;
  const live = new Map<string, ProjectDeclaration>();

  const reconcile = async (stream: string): Promise<void> => {
    const recorded = await readRecorded(database, stream);
    const history = recorded === undefined ? [] : [recorded.event];
    const events =
      stream === policyStream
        ? decidePolicy(history.reduce(evolvePolicy, initialPolicy), currentPolicy(settings, log))
        : decideProject(history.reduce(evolveProject, initialProject), live.get(stream));
    await append(parts, stream, recorded?.version ?? 0, events);
  };
  const deletions = makeProjectDeletions({ kube, namespace, log });
  const reconciler = makeReconciler({ reconcile, log, retryMsMin: limits.retryMsMin, retryMsMax: limits.retryMsMax });

  settings.onChange(() => {
    // Half a view (no ConfigMap seen yet) is not an empty policy.
    if (settings.isKnown()) reconciler.enqueue(policyStream);
  });

  const projects = kube.watch({
    group: 'argoproj.io',
    version: 'v1alpha1',
    kind: 'AppProject',
    namespace,
    listener: {
      upsert: (object) => {
        deletions.seen(object as unknown as AppProject);
        const project = declarationOf(object as unknown as AppProject, namespace);
        const problems = validateProject(project);
        if (problems.length > 0)
          log.warn(`project ${project.name} has mistakes; what can't be read in it permits nothing`, {
            project: project.name,
            problems: problems.slice(0, 20),
          });
        live.set(projectStream(project), project);
        reconciler.enqueue(projectStream(project));
      },
      remove: (object) => {
        const stream = projectStream(declarationOf(object as unknown as AppProject, namespace));
        live.delete(stream);
        reconciler.enqueue(stream);
      },
      synced: () => {
        // Those that went while nobody watched: the log has them, the complete list has not.
        declaredProjectStreams(database).then(
          (streams) => streams.forEach((stream) => reconciler.enqueue(stream)),
          (error: unknown) =>
            log.error('the recorded projects could not be read; deleted ones are found at the next relist', { error: AppError.from(error).message }),
        );
      },
    },
  });

  return {
    isKnown: () => projects.hasSynced() && settings.isKnown(),
    stop: async () => {
      await projects.stop();
      await deletions.stop();
      await reconciler.stop();
    },
  };
}

async function append({ eventLog, event, projection }: DeclarationsParts, stream: string, version: number, events: readonly DeclarationEvent[]): Promise<void> {
  if (events.length === 0) return;
  // The version is part of the cause: a spec that comes back later is a new fact. So is the content: of two replicas
  // that saw different things, one must conflict instead of taking the other's fact for its own.
  const facts = events.map(({ type, data }) => event(type, data, { cause: `${stream}@${version} ${canonicalJson(data)}` }));
  const recorded = await eventLog.append([{ stream, expectedVersion: version, events: facts }]);
  await projection.waitFor(recorded.at(-1)?.position ?? 0, limits.projectionWaitMs);
}

function currentPolicy(settings: ControlSettings, log: Logger) {
  const { policy, isTooLarge } = readPolicySettings(settings.policySettings(), limits.policyBytesMax);
  if (isTooLarge) log.error(`argocd-rbac-cm is larger than ${limits.policyBytesMax} bytes and gives no rights until it is shorter; built-in roles remain`);
  return policy;
}

function declarationOf(project: AppProject, namespace: string): ProjectDeclaration {
  return { namespace, name: project.metadata.name, uid: project.metadata.uid ?? '', spec: project.spec ?? {} };
}
