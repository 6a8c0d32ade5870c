import type { Membership, PermissionRule } from './policy-csv.ts';

/** What a role may do with a resource; objects of applications and the like are `<project>/<name>`. */
const admin: Readonly<Record<string, readonly string[]>> = {
  applications: ['get', 'create', 'update', 'update/*', 'delete', 'delete/*', 'sync', 'rollback', 'override', 'action/*'],
  applicationsets: ['get', 'create', 'update', 'delete'],
  certificates: ['get', 'create', 'update', 'delete'],
  clusters: ['get', 'create', 'update', 'delete'],
  repositories: ['get', 'create', 'update', 'delete'],
  'write-repositories': ['get', 'create', 'update', 'delete'],
  projects: ['get', 'create', 'update', 'delete'],
  accounts: ['get', 'update'],
  gpgkeys: ['get', 'create', 'delete'],
  logs: ['get'],
  exec: ['create'],
  // Plumbline's own: webhook subscriptions by name; consumers of the event log, what they have parked and how they are rebuilt.
  subscriptions: ['get', 'create', 'update', 'delete'],
  projections: ['get', 'update'],
};

const withProject = new Set(['applications', 'applicationsets', 'logs', 'exec']);

function rulesOf(subject: string, rights: Readonly<Record<string, readonly string[]>>): PermissionRule[] {
  return Object.entries(rights).flatMap(([resource, actions]) =>
    actions.map((action): PermissionRule => ({ subject, resource, action, object: withProject.has(resource) ? '*/*' : '*', effect: 'allow' })),
  );
}

const readonly = Object.fromEntries(
  Object.keys(admin)
    .filter((resource) => resource !== 'exec' && resource !== 'projections')
    .map((resource) => [resource, ['get']]),
);

/** The roles every installation has: `role:readonly`, `role:admin`, and the account `admin` in the latter. */
export const builtInRules: readonly PermissionRule[] = [...rulesOf('role:readonly', readonly), ...rulesOf('role:admin', admin)];
export const builtInMemberships: readonly Membership[] = [
  { member: 'role:admin', role: 'role:readonly' },
  { member: 'admin', role: 'role:admin' },
];
