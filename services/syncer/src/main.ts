import { runService } from '@plumbline/platform';
import { syncer } from './service.ts';

await runService(syncer);
