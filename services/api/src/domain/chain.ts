import { clockTime, count, fieldOf, firstLine, listOf, nameOf, objectMessage, shortRevision } from './phrases.ts';
import type { OperationStory, Story, Told } from './story.ts';

/** One thing that was recorded, in words. */
export interface ChainLink {
  position: number;
  time: string;
  actor: string;
  what: string;
}

/** What other streams say about the revision in question; absent where the log has nothing. */
export interface Surroundings {
  commit?: Told<{ url: string; ref: string; commit: string; author?: string; message?: string }>;
  rendered?: Told<{ objects: number; path: string; sourceType: string }>;
  renderFailed?: Told<{ message: string; file?: string; line?: number }>;
  outage?: Told<{ url: string; message: string }>;
  /** The request of the operation, when it came through the API. */
  command?: Told<{ command: string }>;
}

/** The revision that an explanation is about. */
export function revisionInQuestion({ operation, failure, compared }: Story): string | undefined {
  if (operation !== undefined && operation.ended === undefined) return operation.requested.what.revision;
  return failure?.what.revision ?? compared?.what.revision;
}

/** Everything that led to the state, in the order in which it was recorded. */
export function chainOf(story: Story, surroundings: Surroundings): ChainLink[] {
  return [...linksOfSurroundings(surroundings), ...linksOfJudgement(story), ...(story.operation === undefined ? [] : linksOfOperation(story.operation))].sort(
    (a, b) => a.position - b.position,
  );
}

const link = (told: Told, what: string, actor = told.actor): ChainLink => ({ position: told.position, time: told.time, actor, what });

/** Each for itself and only if it is there. */
const when = <D>(told: Told<D> | undefined, phrase: (what: D) => string, actor?: (what: D) => string | undefined): ChainLink[] =>
  told === undefined ? [] : [link(told, phrase(told.what), actor?.(told.what) ?? told.actor)];

function linksOfSurroundings({ commit, rendered, renderFailed, outage, command }: Surroundings): ChainLink[] {
  return [
    ...when(
      commit,
      ({ commit: id, ref, url, message }) =>
        `commit ${shortRevision(id)} seen at ${ref} of ${url}${message === undefined || message === '' ? '' : `: ${firstLine(message, 120)}`}`,
      ({ author }) => author,
    ),
    ...when(rendered, ({ objects, path, sourceType }) => `${count(objects, 'object')} rendered from ${path} (${sourceType})`),
    ...when(renderFailed, ({ message, file, line }) => `rendering failed${placeOf(message, file, line)}: ${message}`),
    ...when(outage, ({ url, message }) => `repository ${url} could not be reached: ${message}`),
    ...when(command, ({ command: what }) => `asked for ${what} through the API`),
  ];
}

/** Unless the message says it. */
const placeOf = (message: string, file: string | undefined, line: number | undefined): string =>
  file === undefined || message.includes(file) ? '' : ` in ${file}${line === undefined ? '' : `:${line}`}`;

function linksOfJudgement({ declared, compared, outOfSync, failure, drift, health, skipped, deletion, status }: Story): ChainLink[] {
  const comparedIsNews = outOfSync === undefined || outOfSync.position !== compared?.position;
  return [
    ...when(declared, ({ project }) => `declared in project ${project}`),
    ...when(outOfSync, () => 'compared with the cluster: found out of sync'),
    ...(comparedIsNews ? when(compared, ({ revision }) => `compared with the cluster at ${shortRevision(revision)}`) : []),
    ...when(failure, ({ message }) => `comparison failed: ${message}`),
    ...when(drift, driftPhrase),
    ...when(skipped, ({ message }) => `automated sync not started: ${message}`),
    ...when(health, () => `health became ${status.health.status}${status.health.message === undefined ? '' : `: ${status.health.message}`}`),
    ...when(deletion, ({ cascade, resources }) => (cascade ? `deletion began, with ${count(resources, 'object')}` : 'deletion began; objects stay')),
  ];
}

function driftPhrase({ resources, more }: NonNullable<Story['drift']>['what']): string {
  const changes = resources.map((resource) => {
    const fields = resource.fields.length === 0 ? '' : ` (${listOf(resource.fields.map(fieldOf), 3)})`;
    return `${nameOf(resource)} ${resource.drift}${fields}${resource.manager === undefined ? '' : ` by ${resource.manager}`}`;
  });
  return `live state left Git: ${listOf(changes, 3, more)}`;
}

function linksOfOperation({ requested, started, step, failed, retry, ended }: OperationStory): ChainLink[] {
  return [
    ...when(requested, ({ trigger, revision, isDryRun }) => `${isDryRun ? 'dry run' : 'sync'} to ${shortRevision(revision)} requested (${trigger})`),
    ...when(started, ({ attempt, steps }) => `sync started with ${count(steps.length, 'step')}${attempt === 0 ? '' : `, retry ${attempt}`}`),
    ...when(
      step,
      ({ phase, wave }) =>
        `${phase} wave ${wave} done${failed.length === 0 ? '' : `, failed: ${failed.map((one) => objectMessage(one, one.message)).join('; ')}`}`,
    ),
    ...when(retry, ({ attempt, at }) => `retry ${attempt} scheduled for ${clockTime(at, Date.parse(at))}`),
    ...when(ended, ({ phase, message }) => `sync ${phase.toLowerCase()}: ${message}`),
  ];
}
