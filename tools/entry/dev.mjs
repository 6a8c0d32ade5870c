import { runTool } from './prepare.mjs';

await runTool('tools/src/dev.ts', { needs: ['git', 'go'] });
