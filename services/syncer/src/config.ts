import { z } from 'zod';

export interface SyncerConfig {
  /** Absent: all. */
  namespaces?: readonly string[];
}

/** What syncer reads from its environment besides what every service reads. */
export const syncerVariables = z
  .object({
    PLUMBLINE_SYNCER_NAMESPACES: z
      .string()
      .regex(/^[a-z0-9-]+(,[a-z0-9-]+)*$/, { error: 'expected names of namespaces with commas between them' })
      .optional()
      .describe('Namespaces that are watched and managed, with commas between them, where syncer may not see the whole cluster; without it all are'),
  })
  .transform(({ PLUMBLINE_SYNCER_NAMESPACES: namespaces }): SyncerConfig => (namespaces === undefined ? {} : { namespaces: namespaces.split(',') }));
