/**
 * Kinds that controllers make from a kind, watched with it so that the resource tree can show them. Only
 * the tree depends on them: what an application is made of doesn't.
 */
const childKinds: Readonly<Record<string, readonly string[]>> = {
  'apps/Deployment': ['apps/ReplicaSet', '/Pod'],
  'apps/ReplicaSet': ['/Pod'],
  'apps/StatefulSet': ['/Pod', '/PersistentVolumeClaim'],
  'apps/DaemonSet': ['/Pod'],
  'batch/CronJob': ['batch/Job', '/Pod'],
  'batch/Job': ['/Pod'],
  '/ReplicationController': ['/Pod'],
};

/** `group/Kind` of everything below these kinds. */
export const childKindsOf = (groupKinds: Iterable<string>): string[] => [...new Set([...groupKinds].flatMap((groupKind) => childKinds[groupKind] ?? []))];
