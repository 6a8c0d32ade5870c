import type { Application, Logger } from '@plumbline/contracts';
import type { ApplicationLog } from '../applications/application-log.ts';
import type { UnknownKinds } from '../desired/unknown-kinds.ts';
import type { ApplicationCommand } from '../domain/commands.ts';
import type { Declared } from '../domain/state.ts';
import { limits } from '../limits.ts';
import type { StepOutcome } from '../sync/apply-step.ts';

type LateWriteCommand = Extract<ApplicationCommand, { type: 'RecordLateWrite' }>;

/** One Application as this process knows it: the resource, its stream, and what is only worth keeping while we live. */
export interface Entry {
  /** `namespace/name`. */
  readonly key: string;
  /** How tracking annotations name it. */
  readonly instance: string;
  resource: Application;
  /** False once the API server said that the object is gone. */
  isPresent: boolean;
  log: ApplicationLog;
  /** Hash of the spec whose sealed copy is stored, so that sealing is done once per change. */
  sealed?: { specHash: string; sealedSpec: string };
  /** The last answer of the renderer, by what was asked. */
  rendered?: { question: string; manifestSet: string };
  /** Version of the stream that the status writer was told of last. */
  statusVersion?: number;
  /** Renders in a row that nobody answered. */
  unanswered: number;
  /** Keys of live objects that this application wants whole. */
  wanted: ReadonlySet<string>;
  /** `group/Kind`, with what its list says where that fails, of what it had and nothing is known of now. */
  doubtedKinds?: ReadonlySet<string>;
  /** What it wants and the cluster doesn't serve. */
  unknownKinds?: UnknownKinds;
  /** The step that was applied and is waited for; after a restart it is applied again, which changes nothing that is as it should be. */
  applied?: { step: string; outcome: StepOutcome };
  /** The attempt whose whole plan was looked at and found good. */
  rehearsed?: string;
  /** While objects are written: leaves it before the next one. */
  interrupt?: () => void;
  /** Refresh annotation that was seen and is being served. */
  refresh?: 'normal' | 'hard';
  /** A hard refresh was asked for and nothing has been rendered since. */
  isHardWanted?: boolean;
  /** `.operation` that was taken over and has to be taken off the resource. */
  adoptedOperation?: string;
  /** The one that was taken off last: set again, the same operation is a new one. */
  clearedOperation?: string;
  /** The sweep asks for a pointer that moved to be recorded. */
  recordsPointer: boolean;
  /** Writes of the cluster's former owner that landed after the take-over and are not recorded yet. */
  lateWrites?: LateWriteCommand[];
  /** Reason that let the next reconcile happen, for `correlation` of its events. */
  correlation?: string;
}

/** To be recorded by the next reconcile, which the change of the object brings about anyway. */
export function noteLateWrite(entry: Entry, write: Omit<LateWriteCommand, 'type'>, log: Logger): void {
  log.warn('a write of the former owner of the cluster landed after the take-over', { application: entry.key, ...write });
  entry.lateWrites ??= [];
  if (entry.lateWrites.length < limits.lateWritesKeptMax) entry.lateWrites.push({ type: 'RecordLateWrite', ...write });
}

/** Set by people and by the API: look at the repository now (`normal`), and render again (`hard`). */
export const refreshAnnotation = 'argocd.argoproj.io/refresh';

/**
 * Argo CD's `skip-reconcile: "true"`: neither compared nor synced nor deleted until it is taken off (argocd-compat B096). An
 * Application that is gone is gone all the same.
 */
export const isLeftAlone = ({ resource, isPresent }: Pick<Entry, 'resource' | 'isPresent'>): boolean =>
  isPresent && resource.metadata.annotations?.['argocd.argoproj.io/skip-reconcile'] === 'true';

export function declaredState(entry: Entry): Declared | undefined {
  return entry.log.state.status === 'declared' ? entry.log.state : undefined;
}
