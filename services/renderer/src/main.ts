import { runService } from '@plumbline/platform';
import { renderer } from './service.ts';

await runService(renderer);
