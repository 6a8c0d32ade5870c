/** Which applications follow which repository. */
export interface Subscriptions {
  follow(applicationKey: string, repository: string | undefined): void;
  of(repository: string): string[];
  count(repository: string): number;
}

export function makeSubscriptions(): Subscriptions {
  const followers = new Map<string, Set<string>>();
  const followed = new Map<string, string>();
  return {
    follow(applicationKey, repository) {
      const before = followed.get(applicationKey);
      if (before === repository) return;
      if (before !== undefined) followers.get(before)?.delete(applicationKey);
      if (repository === undefined) {
        followed.delete(applicationKey);
        return;
      }
      followed.set(applicationKey, repository);
      const keys = followers.get(repository) ?? new Set();
      followers.set(repository, keys.add(applicationKey));
    },
    of: (repository) => [...(followers.get(repository) ?? [])],
    count: (repository) => followers.get(repository)?.size ?? 0,
  };
}
