import { canonicalJson } from '@plumbline/contracts';
import type { AccessEvent } from '@plumbline/contracts';

/**
 * What the log says of a declared thing (a project, the policy), folded from its stream, and what has to be said so that
 * it agrees with the resource as it now is. Level-triggered: a change that was missed is found at the next look.
 */
export type DeclarationEvent = Extract<AccessEvent, { type: 'ProjectDeclared' | 'ProjectDeleted' | 'PolicyChanged' }>;
export type ProjectDeclaration = Extract<AccessEvent, { type: 'ProjectDeclared' }>['data'];
export type PolicyDeclaration = Extract<AccessEvent, { type: 'PolicyChanged' }>['data'];

export type ProjectState =
  | { status: 'unknown' }
  | { status: 'declared'; project: ProjectDeclaration }
  | { status: 'deleted'; project: Pick<ProjectDeclaration, 'namespace' | 'name' | 'uid'> };

export const initialProject: ProjectState = { status: 'unknown' };

export function evolveProject(state: ProjectState, event: DeclarationEvent): ProjectState {
  switch (event.type) {
    case 'ProjectDeclared':
      return { status: 'declared', project: event.data };
    case 'ProjectDeleted':
      return { status: 'deleted', project: event.data };
    case 'PolicyChanged':
      return state;
  }
}

/** `live` is the resource as it now is; undefined = it is gone. */
export function decideProject(state: ProjectState, live: ProjectDeclaration | undefined): DeclarationEvent[] {
  if (live === undefined) {
    if (state.status !== 'declared') return [];
    const { namespace, name, uid } = state.project;
    return [{ type: 'ProjectDeleted', data: { namespace, name, uid } }];
  }
  // A uid never comes back: what is deleted stays deleted, and a late watch event of it says nothing.
  if (state.status === 'deleted') return [];
  const isSame = state.status === 'declared' && canonicalJson(state.project.spec) === canonicalJson(live.spec);
  return isSame ? [] : [{ type: 'ProjectDeclared', data: live }];
}

export type PolicyState = { status: 'unknown' } | { status: 'declared'; policy: PolicyDeclaration };

export const initialPolicy: PolicyState = { status: 'unknown' };

export function evolvePolicy(state: PolicyState, event: DeclarationEvent): PolicyState {
  return event.type === 'PolicyChanged' ? { status: 'declared', policy: event.data } : state;
}

export function decidePolicy(state: PolicyState, live: PolicyDeclaration): DeclarationEvent[] {
  const isSame = state.status === 'declared' && canonicalJson(state.policy) === canonicalJson(live);
  return isSame ? [] : [{ type: 'PolicyChanged', data: live }];
}
