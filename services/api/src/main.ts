import { runService } from '@plumbline/platform';
import { api } from './service.ts';

await runService(api);
