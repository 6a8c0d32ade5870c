import { apiServerCases } from './api-server.ts';
import { databaseCases } from './database.ts';
import { databaseRefusesCase } from './database-refuses.ts';
import { deletedMidSyncCase } from './deleted-mid-sync.ts';
import { doorCases } from './door.ts';
import type { FaultCase } from './fault-case.ts';
import { forgedCase } from './forged.ts';
import { gitCases } from './git-server.ts';
import { killCases } from './kill-storm.ts';
import { killedInDeletionCases } from './killed-in-deletion.ts';
import { killedInSyncCases } from './killed-in-sync.ts';
import { monorepoCases } from './monorepo-push.ts';
import { pauseCases } from './paused-services.ts';
import { twoSyncersCase } from './two-syncers.ts';
import { poisonedObjectsCase } from './poisoned-objects.ts';
import { rollingRestartCase } from './rolling-restart.ts';
import { stalledSubscribersCase } from './stalled-subscribers.ts';
import { projectionDroppedCase } from './projection-dropped.ts';
import { tamperedCases } from './tampered.ts';
import { natsCases, redisCases } from './servers-away.ts';

/** In the order in which they run. */
export const allCases: readonly FaultCase[] = [
  ...killCases,
  ...killedInSyncCases,
  ...killedInDeletionCases,
  ...monorepoCases,
  ...pauseCases,
  rollingRestartCase,
  ...redisCases,
  ...natsCases,
  ...databaseCases,
  databaseRefusesCase,
  ...apiServerCases,
  ...gitCases,
  deletedMidSyncCase,
  twoSyncersCase,
  forgedCase,
  ...tamperedCases,
  poisonedObjectsCase,
  projectionDroppedCase,
  ...doorCases,
  stalledSubscribersCase,
];

/** At least one of each part that breaks, in less than three minutes: for whoever cannot wait for all of them. */
export const quickCases: ReadonlySet<string> = new Set([
  'kill-syncer',
  'rolling-restart',
  'redis-flushed',
  'nats-wiped',
  'commit-unknown',
  'watches-broken',
  'forged-messages',
  'projection-dropped',
]);
