import { runTool } from './prepare.mjs';

await runTool('faults/src/main.ts', { needs: ['git', 'go'] });
