import type { KnownEvent, RecordedEvent } from '@plumbline/contracts';
import type { EventLog, SqlExecutor } from '@plumbline/event-log';
import { revisionInQuestion } from '../domain/chain.ts';
import type { Surroundings } from '../domain/chain.ts';
import type { Story, Told } from '../domain/story.ts';
import { subjectOf } from './chronicle.ts';

/** What other streams say about what a story is about: at most one event of each kind, found by its subject. */
export async function surroundingsOf(
  story: Story,
  id: { namespace: string; name: string },
  position: number,
  { eventLog, database }: { eventLog: EventLog; database: SqlExecutor },
): Promise<Surroundings> {
  const find = async <T extends KnownEvent['type']>(type: T, subject: string | undefined, before = position): Promise<Told<DataOf<T>> | undefined> => {
    if (subject === undefined) return undefined;
    const [row] = await database.query<{ position: string | null }>('select max(position) as position from landmark where subject = $1 and position <= $2', [
      subject,
      before,
    ]);
    if (row?.position == null) return undefined;
    const event = await eventAt(eventLog, Number(row.position));
    return event?.type === type ? { position: event.position, time: event.at, actor: event.metadata.actor, what: event.data as DataOf<T> } : undefined;
  };
  const revision = revisionInQuestion(story);
  const manifestSet = story.compared?.what.revision === revision ? story.compared?.what.manifestSet : undefined;
  const failure = story.failure?.what;
  const source = story.declared?.what.spec.source ?? story.declared?.what.spec.sources?.[0];
  const { requested } = story.operation ?? {};
  const isAway = failure?.code === 'repository-unreachable' && source !== undefined;
  const [commit, rendered, renderFailed, outage, command] = await Promise.all([
    find('RevisionObserved', revision === undefined ? undefined : subjectOf.commit(revision)),
    find('ManifestsRendered', manifestSet === undefined ? undefined : subjectOf.rendered(manifestSet)),
    find('RenderFailed', failure?.revision === undefined ? undefined : subjectOf.renderFailed(`${id.namespace}/${id.name}`, failure.revision)),
    find('RepositoryUnreachable', isAway ? subjectOf.outage(source.repoURL) : undefined),
    requested?.what.trigger === 'manual' ? find('CommandAccepted', subjectOf.command(`application ${id.namespace}/${id.name}`), requested.position) : undefined,
  ]);
  return {
    ...(commit === undefined ? {} : { commit }),
    ...(rendered === undefined ? {} : { rendered }),
    ...(renderFailed === undefined ? {} : { renderFailed }),
    ...(outage === undefined ? {} : { outage }),
    // Only the request of who the operation says asked for it: kubectl may have been first.
    ...(command === undefined || command.actor !== requested?.what.initiatedBy.username ? {} : { command }),
  };
}

type DataOf<T extends KnownEvent['type']> = Extract<KnownEvent, { type: T }>['data'];

/** Undefined when the log no longer has it: an explanation does without. */
async function eventAt(eventLog: EventLog, position: number): Promise<RecordedEvent | undefined> {
  try {
    return (await eventLog.readFeed({ after: position - 1, limit: 1 })).events[0];
  } catch (error) {
    if ((error as { code?: unknown }).code === 'gone') return undefined;
    throw error;
  }
}
