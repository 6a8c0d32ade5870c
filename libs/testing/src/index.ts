/**
 * What `npm start` and the tests stand on: a real Kubernetes control plane, a Git server that people can push to, and
 * PostgreSQL, NATS and Redis from wherever they can be had, all on 127.0.0.1, with their data under one directory.
 *
 * It starts, finds and stops things, and says what it took. It knows nothing of Plumbline's services and holds no test
 * double of anything that can run for real. Nothing here is for production: no replication, no TLS between the parts,
 * an administrator's token in a file. Whatever it starts ends with the process that started it; what a killed process
 * left behind is ended by the next start in the same state directory.
 */
export { startControlPlane } from './control-plane.ts';
export type { ControlPlane, ControlPlaneOptions } from './control-plane.ts';
export { findControlPlanePrograms } from './control-plane/programs.ts';
export type { ControlPlanePrograms } from './control-plane/programs.ts';
export { buildGoPrograms, cacheDir } from './go-programs.ts';
export type { BuildOptions, GoProgramSet } from './go-programs.ts';
export { freePort, rememberedPort } from './ports.ts';
export { startProgram } from './processes/program.ts';
export type { ProgramOptions, RunningProgram } from './processes/program.ts';
export { runningPrograms, stopLeftovers } from './processes/records.ts';
export type { ProgramState } from './processes/records.ts';
export { installCrds } from './install-crds.ts';
export { startGitServer } from './git-server.ts';
export type { GitServer, GitServerOptions, GitTrouble } from './git-server.ts';
export type { Webhook } from './git-server/webhooks.ts';
export { GitWorkspace, makeRepository } from './git-workspace.ts';
export type { Files, RepositoryOptions } from './git-workspace.ts';
export { checkoutName } from './dependencies/dependency.ts';
export type { Dependency, DependencyOptions, Origin } from './dependencies/dependency.ts';
export { startPostgres } from './dependencies/postgres.ts';
export { startNats } from './dependencies/nats.ts';
export type { NatsDependency } from './dependencies/nats.ts';
export { startRedis } from './dependencies/redis.ts';
export { identify, isRunning } from './processes/identity.ts';
export type { ProcessIdentity } from './processes/identity.ts';
