import { apiServerCases } from './api-server.ts';
import { databaseCases } from './database.ts';
import { doorCases } from './door.ts';
import type { FaultCase } from './fault-case.ts';
import { forgedCase } from './forged.ts';
import { gitCases } from './git-server.ts';
import { killCases } from './kill-storm.ts';
import { pauseCases } from './paused-services.ts';
import { twoSyncersCase } from './two-syncers.ts';
import { poisonedObjectsCase } from './poisoned-objects.ts';
import { projectionDroppedCase } from './projection-dropped.ts';
import { tamperedCases } from './tampered.ts';
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
  forgedCase,
  ...tamperedCases,
  poisonedObjectsCase,
  projectionDroppedCase,
  ...doorCases,
];
