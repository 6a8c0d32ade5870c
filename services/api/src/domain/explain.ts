import type { ErrorCode, ResourceStatus } from '@plumbline/contracts';
import { chainOf } from './chain.ts';
import type { ChainLink, Surroundings } from './chain.ts';
import { clockTime, count, fieldOf, firstLine, listOf, nameOf, objectMessage, sentence, shortRevision } from './phrases.ts';
import type { OperationStory, Story, Told } from './story.ts';

/** Why an application is in the state that it is in. */
export interface Explanation {
  /** One plain sentence. */
  sentence: string;
  /** What led to it, from the commit to the objects, in the order in which it was recorded. */
  chain: ChainLink[];
  /** What will happen, or what to do. */
  next: string;
}

interface Answer {
  sentence: string;
  next: string;
}

/** Pure: `now` only decides whether a time needs its day. What weighs most comes first. */
export function explain(story: Story, surroundings: Surroundings, now: number): Explanation {
  const answer =
    ofDeletion(story, now) ??
    ofRunning(story, now) ??
    ofFailure(story, surroundings, now) ??
    ofUnknown(story) ??
    (story.status.sync.status === 'OutOfSync' ? ofOutOfSync(story, surroundings, now) : ofSynced(story, surroundings, now));
  return { sentence: answer.sentence, chain: chainOf(story, surroundings), next: answer.next };
}

function ofDeletion({ deletion, deletionHooks, gone }: Story, now: number): Answer | undefined {
  if (gone !== undefined) return { sentence: `Deleted at ${clockTime(gone.time, now)}.`, next: 'Nothing: it is gone.' };
  if (deletion === undefined) return undefined;
  const { cascade, resources } = deletion.what;
  const since = `Being deleted since ${clockTime(deletion.time, now)}`;
  if (deletionHooks !== undefined) {
    const { phase, hooks, retryAt = '' } = deletionHooks.what;
    const failed = hooks.find(({ status }) => status === 'Failed');
    const what = failed === undefined ? '' : ` ${failed.kind} ${failed.name}`;
    return {
      sentence: sentence(
        `${since}, and blocked by its ${phase} hook${what}, which is tried again at ${clockTime(retryAt, now)}: ${failed?.message ?? 'it failed'}`,
      ),
      next: `Look at the log of the hook. To go on without it, take its finalizer off the Application; its condition DeletionError names it.`,
    };
  }
  if (!cascade) return { sentence: `${since}; its objects stay in the cluster.`, next: 'Nothing: it is gone in a moment.' };
  return {
    sentence: `${since}, together with its ${count(resources, 'object')}.`,
    next: 'It is gone when its objects are. If that takes long, one of them waits for a finalizer: look at the resource tree.',
  };
}

function ofRunning({ operation }: Story, now: number): Answer | undefined {
  if (operation === undefined || operation.ended !== undefined) return undefined;
  const { requested, started, retry, completed } = operation;
  const to = `to ${shortRevision(requested.what.revision)}`;
  const by = initiatorOf(requested);
  if (retry !== undefined) {
    const { attempt, at, message } = retry.what;
    const of = requested.what.retryLimit > 0 ? ` of ${requested.what.retryLimit}` : '';
    return {
      sentence: sentence(`The sync ${to} failed, and is tried again at ${clockTime(at, now)} (retry ${attempt}${of}): ${reasonOf(operation, message)}`),
      next: 'It is tried again by itself. If the reason lies in the manifests, push a commit that fixes it: that does not wait for the retries.',
    };
  }
  if (started === undefined)
    return { sentence: `A sync ${to} was requested by ${by} at ${clockTime(requested.time, now)} and has not started yet.`, next: 'It starts in a moment.' };
  const { steps } = started.what;
  const step = steps[completed];
  const place =
    step === undefined ? '' : `: step ${completed + 1} of ${steps.length} is running (${step.phase}, wave ${step.wave}, ${count(step.resources, 'object')})`;
  const again = started.what.attempt > 0 ? `, retry ${started.what.attempt}` : '';
  return {
    sentence: `Syncing ${to} since ${clockTime(requested.time, now)}${again}, requested by ${by}${place}.`,
    next: 'The step ends when its objects are applied and, if more steps follow, healthy and its hooks done; then the next one begins.',
  };
}

/** What a person can do about a comparison that fails. */
const remedies: Partial<Record<ErrorCode, string>> = {
  'repository-unreachable': 'Check the address, the credentials and the Git server. It is tried again by itself; what is deployed is kept as it was.',
  'revision-not-found': 'Push the branch or tag that spec.source.targetRevision names, or change it.',
  'path-not-found': 'Correct spec.source.path, or push the directory.',
  'manifest-invalid': 'Correct the file and push: the next commit is compared by itself.',
  'render-failed': 'Correct the chart or the values and push: the next commit is compared by itself.',
  'permission-denied': 'Allow it in the project (AppProject), or move the application to another one.',
  'unknown-kind': 'Install the CustomResourceDefinition, or correct apiVersion and kind.',
  'cluster-unreachable': 'It goes on when the cluster answers again; nothing is deleted meanwhile.',
};

function ofFailure({ failure }: Story, { outage }: Surroundings, now: number): Answer | undefined {
  if (failure === undefined) return undefined;
  const { code, message, file, line, revision } = failure.what;
  const place = file === undefined || message.includes(file) ? '' : ` (${file}${line === undefined ? '' : `:${line}`})`;
  const next = remedies[code as ErrorCode] ?? 'Correct what the message names; it is compared again when the specification or the repository changes.';
  if (code === 'repository-unreachable') {
    const since = clockTime((outage ?? failure).time, now);
    return { sentence: sentence(`Unknown since ${since} because the repository can't be reached: ${message}`), next };
  }
  const at = revision === undefined ? '' : ` at ${shortRevision(revision)}`;
  return { sentence: sentence(`Can't be compared${at} since ${clockTime(failure.time, now)}: ${message}${place}`), next };
}

function ofUnknown({ declared, compared }: Story): Answer | undefined {
  if (compared !== undefined) return undefined;
  return {
    sentence:
      declared === undefined ? 'Unknown yet: it was created a moment ago.' : 'Unknown yet: its repository was not read, or its manifests not rendered, so far.',
    next: 'Wait a moment. If it stays so, look whether repo-watcher, renderer and syncer run.',
  };
}

function ofOutOfSync(story: Story, surroundings: Surroundings, now: number): Answer {
  const { outOfSync, compared, status, operation, skipped, drift } = story;
  const since = `Out of sync since ${clockTime((outOfSync ?? compared!).time, now)}`;
  const failed = operation?.ended?.what;
  const isForThis = operation?.requested.what.revision === compared!.what.revision && !operation.requested.what.isDryRun;
  if (skipped !== undefined && skipped.what.code !== 'already-failed') return ofSkipped(since, skipped.what, status.resources);
  if (operation !== undefined && failed !== undefined && failed.phase !== 'Succeeded' && isForThis) {
    return {
      sentence: sentence(`${since}: the sync to ${shortRevision(compared!.what.revision)} failed: ${reasonOf(operation, failed.message)}`),
      next: isAutomated(story)
        ? 'The same commit is not tried again by itself: push a fix, or sync it by hand.'
        : 'Correct what the message names, then sync it again.',
    };
  }
  if (drift !== undefined) return ofDrift(since, story, drift.what);
  return ofWanted(since, story, surroundings);
}

function ofSkipped(since: string, { code, message }: NonNullable<Story['skipped']>['what'], resources: readonly ResourceStatus[]): Answer {
  if (code === 'would-prune-everything')
    return {
      sentence: `${since}: automated sync was not started because it would delete all ${count(resources.length, 'object')} of the application.`,
      next: 'If that is meant, set spec.syncPolicy.automated.allowEmpty to true or delete the application; otherwise correct the path or the manifests.',
    };
  return {
    sentence: sentence(`${since}: automated sync was not started: ${message}`),
    next: 'Allow it in the project (AppProject), or change what the application wants.',
  };
}

function ofDrift(since: string, story: Story, { resources, more }: NonNullable<Story['drift']>['what']): Answer {
  const [first] = resources;
  const others = resources.length - 1 + more;
  const and = others > 0 ? ` (and ${count(others, 'other object')} left its manifest)` : '';
  const healing = isSelfHealing(story) ? 'self-heal is on' : 'self-heal is off';
  const what = first === undefined ? 'live objects were changed' : changeOf(first);
  return {
    sentence: `${since} because ${what}${and}; ${healing}.`,
    next: isSelfHealing(story)
      ? 'Self-heal syncs it by itself; it waits longer each time somebody changes the same thing back.'
      : 'Sync it, or turn on spec.syncPolicy.automated.selfHeal; or commit the change if it is meant.',
  };
}

function changeOf(resource: NonNullable<Story['drift']>['what']['resources'][number]): string {
  const name = nameOf(resource);
  if (resource.drift === 'missing') return `${name} was deleted`;
  if (resource.drift === 'extra') return `${name} is there and not in Git`;
  const fields = listOf(resource.fields.map(fieldOf), 3);
  if (resource.manager === undefined) return `${fields === '' ? 'fields' : fields} of ${name} changed`;
  return `${resource.manager} changed ${fields === '' ? 'fields' : fields} of ${name}`;
}

/** The manifests are new, or objects were left over. */
function ofWanted(since: string, story: Story, { commit }: Surroundings): Answer {
  const different = story.status.resources.filter((resource) => resource.status === 'OutOfSync');
  const toPrune = different.filter((resource) => resource.requiresPruning === true);
  const names = listOf(different.map(nameOf), 3);
  const forbidden = story.status.conditions.find((condition) => condition.type === 'ExcludedResourceWarning');
  if (different.length === 0 && forbidden !== undefined)
    return {
      sentence: sentence(`${since}: ${forbidden.message}`),
      next: 'Allow the kind in the project (AppProject), or take the object out of the manifests.',
    };
  if (different.length === 0)
    return {
      sentence: `${since}: every object is as Git says, but the namespace has not got the metadata of spec.syncPolicy.managedNamespaceMetadata yet.`,
      next: isAutomated(story) ? 'An automated sync starts in a moment.' : 'Sync it.',
    };
  if (toPrune.length === different.length && toPrune.length > 0) {
    const isPruned = story.declared?.what.spec.syncPolicy?.automated?.prune === true;
    return {
      sentence: `${since} because ${names} ${toPrune.length === 1 ? 'is' : 'are'} no longer in Git; automated prune is ${isAutomated(story) && isPruned ? 'on' : 'off'}.`,
      next: isAutomated(story) && isPruned ? 'An automated sync deletes it in a moment.' : 'Sync with prune, or set spec.syncPolicy.automated.prune to true.',
    };
  }
  const revision = commitOf(commit, story.compared!.what.revision);
  const differ = different.length === 1 ? 'differs from it or is missing' : 'differ from it or are missing';
  const because = `${since} because ${revision} is not applied yet: ${names} ${differ}`;
  return isAutomated(story)
    ? { sentence: `${because}; automated sync is on.`, next: 'An automated sync starts in a moment.' }
    : { sentence: `${because}; automated sync is off.`, next: 'Sync it, or turn on spec.syncPolicy.automated.' };
}

function ofSynced(story: Story, { commit }: Surroundings, now: number): Answer {
  const { health, resources } = story.status;
  const synced = `Synced to ${commitOf(commit, story.compared!.what.revision)}`;
  const since = health.lastTransitionTime === undefined ? '' : ` since ${clockTime(health.lastTransitionTime, now)}`;
  if (health.status === 'Healthy') return { sentence: `${synced} and healthy${since}.`, next: 'Nothing: it is as Git says.' };
  const culprit = resources.find((resource) => resource.health?.status === health.status);
  const message = culprit?.health?.message ?? health.message;
  const why = culprit === undefined ? (message ?? '') : `${nameOf(culprit)}${message === undefined ? '' : `: ${message}`}`;
  return { sentence: sentence(`${synced}, ${adjectives[health.status]}${since}${why === '' ? '' : `: ${why}`}`), next: outlooks[health.status] };
}

const adjectives = {
  Progressing: 'progressing',
  Degraded: 'degraded',
  Suspended: 'suspended',
  Missing: 'with objects missing',
  Unknown: 'of unknown health',
} as const;

const outlooks = {
  Progressing: 'Wait: the cluster is working on it. If it stays so, look at the events of the object that is named.',
  Degraded: 'Look at the logs and events of the object that is named; go back to an earlier commit if the new one is to blame.',
  Suspended: 'Somebody or something paused it: resume the object that is named.',
  Missing: 'Sync it: an object that Git wants is not in the cluster.',
  Unknown: 'Look at the object that is named: its health could not be read.',
} as const;

const isAutomated = ({ declared }: Story): boolean => {
  const automated = declared?.what.spec.syncPolicy?.automated;
  return automated !== undefined && automated !== null && automated.enabled !== false;
};

const isSelfHealing = (story: Story): boolean => isAutomated(story) && story.declared?.what.spec.syncPolicy?.automated?.selfHeal === true;

function initiatorOf({ what }: OperationStory['requested']): string {
  if (what.trigger === 'self-heal') return 'self-heal';
  if (what.trigger === 'automated') return 'the automated policy';
  return what.initiatedBy.username ?? 'somebody with kubectl';
}

/** Object by object where that is known. */
function reasonOf({ failed }: OperationStory, message: string): string {
  const [first] = failed;
  if (first === undefined) return message;
  return `${objectMessage(first, first.message).replace(/\.$/, '')}${failed.length > 1 ? ` (and ${count(failed.length - 1, 'other object')})` : ''}`;
}

const messageCharsMax = 80;

function commitOf(commit: Told<{ author?: string; message?: string }> | undefined, revision: string): string {
  const { author, message } = commit?.what ?? {};
  const said = message === undefined || message === '' ? '' : ` "${firstLine(message, messageCharsMax)}"`;
  const by = author === undefined || author === '' ? '' : ` by ${author.replace(/ <[^>]*>$/, '')}`;
  return `${shortRevision(revision)}${said === '' && by === '' ? '' : ` (${`${said}${by}`.trim()})`}`;
}
