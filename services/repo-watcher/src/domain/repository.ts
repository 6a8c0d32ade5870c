import type { RepositoryEvent } from '@plumbline/contracts';

/** What a ref, as a person typed it, was last found to mean. */
export type RefState = { commit: string; tree: string } | { unresolved: string };

/** `refs` keeps what was observed last, newest at the end. */
export type RepositoryState =
  | { status: 'unknown' }
  | { status: 'reachable'; url: string; refs: Readonly<Record<string, RefState>> }
  | { status: 'unreachable'; url: string; message: string; refs: Readonly<Record<string, RefState>> };

export interface ObservedRevision {
  ref: string;
  commit: string;
  tree: string;
  author: string;
  date: string;
  message: string;
}

export interface UnresolvedRef {
  ref: string;
  unresolved: string;
}

export type RepositoryCommand =
  /** An application names the repository. */
  | { type: 'Register'; repository: string; url: string }
  /** The remote answered, and this is what the refs that were looked at mean now. */
  | { type: 'Observe'; repository: string; findings: readonly (ObservedRevision | UnresolvedRef)[] }
  | { type: 'ReportUnreachable'; repository: string; message: string }
  /** No application names it any more. */
  | { type: 'Forget'; repository: string };

export const initialState: RepositoryState = { status: 'unknown' };

/** Refs remembered per repository; applications pinned to commits would let it grow forever. */
export const refsRememberedMax = 4_000;

/** What follows from a command: only changes are facts, so an unchanged remote says nothing. */
export function decide(command: RepositoryCommand, state: RepositoryState): RepositoryEvent[] {
  const { repository } = command;
  if (command.type === 'Register') {
    return state.status === 'unknown' ? [{ type: 'RepositoryRegistered', data: { repository, url: command.url } }] : [];
  }
  if (state.status === 'unknown') return [];
  const { url } = state;
  switch (command.type) {
    case 'Forget':
      return [{ type: 'RepositoryForgotten', data: { repository, url } }];
    case 'ReportUnreachable':
      return state.status === 'unreachable' ? [] : [{ type: 'RepositoryUnreachable', data: { repository, url, message: command.message } }];
    case 'Observe': {
      const recovered: RepositoryEvent[] = state.status === 'unreachable' ? [{ type: 'RepositoryRecovered', data: { repository, url } }] : [];
      return [
        ...recovered,
        ...command.findings
          .filter((finding) => isNews(finding, Object.hasOwn(state.refs, finding.ref) ? state.refs[finding.ref] : undefined))
          .map((finding) => factOf(repository, url, finding)),
      ];
    }
  }
}

export function evolve(state: RepositoryState, event: RepositoryEvent): RepositoryState {
  switch (event.type) {
    case 'RepositoryRegistered':
      return { status: 'reachable', url: event.data.url, refs: {} };
    case 'RepositoryForgotten':
      return initialState;
    case 'RepositoryUnreachable':
      return state.status === 'unknown' ? state : { status: 'unreachable', url: state.url, message: event.data.message, refs: state.refs };
    case 'RepositoryRecovered':
      return state.status === 'unknown' ? state : { status: 'reachable', url: state.url, refs: state.refs };
    case 'RevisionObserved':
      return withRef(state, event.data.ref, { commit: event.data.commit, tree: event.data.tree });
    case 'RefUnresolved':
      return withRef(state, event.data.ref, { unresolved: event.data.message });
  }
}

function withRef(state: RepositoryState, ref: string, found: RefState): RepositoryState {
  if (state.status === 'unknown') return state;
  const others = Object.entries(state.refs).filter(([name]) => name !== ref);
  return { ...state, refs: Object.fromEntries([...others.slice(-(refsRememberedMax - 1)), [ref, found]]) };
}

function isNews(finding: ObservedRevision | UnresolvedRef, known: RefState | undefined): boolean {
  if (known === undefined) return true;
  if ('unresolved' in finding) return !('unresolved' in known) || known.unresolved !== finding.unresolved;
  return !('commit' in known) || known.commit !== finding.commit;
}

function factOf(repository: string, url: string, finding: ObservedRevision | UnresolvedRef): RepositoryEvent {
  if ('unresolved' in finding) return { type: 'RefUnresolved', data: { repository, url, ref: finding.ref, message: finding.unresolved } };
  const { ref, commit, tree, author, date, message } = finding;
  return { type: 'RevisionObserved', data: { repository, url, ref, commit, tree, author, date, message } };
}
