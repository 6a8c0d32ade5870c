import { runTool } from './prepare.mjs';

await runTool('tools/src/test.ts', { needs: ['git', 'go'] });
