import { apiServerCases } from './api-server.ts';
import { databaseCases } from './database.ts';
import type { FaultCase } from './fault-case.ts';
import { gitCases } from './git-server.ts';
import { killCases } from './kill-storm.ts';
import { pauseCases } from './paused-services.ts';
import { twoSyncersCase } from './two-syncers.ts';
import { natsCases, redisCases } from './servers-away.ts';

/** In the order in which they run. */
export const allCases: readonly FaultCase[] = [
  ...killCases,
  ...pauseCases,
  ...redisCases,
  ...natsCases,
  ...databaseCases,
  ...apiServerCases,
  ...gitCases,
  twoSyncersCase,
];
