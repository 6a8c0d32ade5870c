/**
 * Git remotes, read through the system's git: what refs they have, and the objects of commits, from bare mirrors.
 *
 * A mirror fetches single commits without history into a repository of its own and reads objects through long-lived
 * `git cat-file` processes. Every child runs in a locked environment: no configuration of machine or user, no hooks, no
 * prompts, no helpers, allowed protocols only, credentials in memory, limits on time and output.
 *
 * It never checks anything out, never writes to a remote, never runs anything that a repository contains, and never puts
 * a credential into an argument, an address, an error or a log line. What a ref that a person typed means is not decided
 * here.
 */
export * from './port.ts';
export { openMirror, type MirrorOptions } from './mirror.ts';
export { isFullRefName, isObjectId } from './object-name.ts';
export { normaliseRepositoryUrl, parseRepositoryUrl, repositoryId, repositoryPlace, withoutUserInfo, type RepositoryAddress } from './repository-url.ts';
