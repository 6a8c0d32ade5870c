import { runService } from '@plumbline/platform';
import { rbac } from './service.ts';

await runService(rbac);
