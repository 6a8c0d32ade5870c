/**
 * Who may do what, and what a project lets its applications do: pure functions over values that the caller projected
 * from the log. api asks for every call, syncer for every object just before it is written; both get the same answer.
 *
 * Patterns mean what they mean to Argo CD (gobwas globs, filepath.Match, regular expressions) and are run in linear time.
 * What can't be read is reported and never gives a right: a pattern that permits then permits nothing, one that forbids
 * forbids everything.
 *
 * It never reads a policy from anywhere, checks no signature, and keeps no state but a memo of compiled patterns.
 */
export { compilePolicy, emptyPolicy, authorise, rightsOf, projectRoleSubject } from './policy.ts';
export type { Policy, PolicySource, Caller, Rights, MatchMode } from './policy.ts';
export { permitsSource, permitsDestination, permitsResource, permitsObject } from './project-rules.ts';
export type { ProjectRules, ResolvedDestination, ObjectKind, Verdict } from './project-rules.ts';
export { validateProject } from './project-validation.ts';
export { normalizeRepositoryUrl } from './repository-url.ts';
export { readAccounts, subjectOf } from './accounts.ts';
export type { Account, TokenClaims, TokenRegister } from './accounts.ts';
export { compileGlob, plainGlob } from './glob.ts';
