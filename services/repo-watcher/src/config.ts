import { z } from 'zod';

/** What repo-watcher reads beyond what every service reads. */
export const repoWatcherConfig = z
  .object({
    PLUMBLINE_POLL_INTERVAL_SECONDS: z.coerce
      .number({ error: 'expected seconds, 1 to 86400' })
      .int()
      .min(1, { error: 'expected seconds, 1 to 86400' })
      .max(86_400, { error: 'expected seconds, 1 to 86400' })
      .default(30)
      .describe('How often each repository is asked for changes; webhooks come on top'),
  })
  .transform((read) => ({ pollIntervalMs: read.PLUMBLINE_POLL_INTERVAL_SECONDS * 1000 }));

export type RepoWatcherConfig = z.infer<typeof repoWatcherConfig>;
