import { runService } from '@plumbline/platform';
import { repoWatcher } from './service.ts';

await runService(repoWatcher);
