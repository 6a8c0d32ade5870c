import { runTool } from './prepare.mjs';

await runTool('tools/src/start.ts', { needs: ['git', 'go'] });
