import { runTool } from './prepare.mjs';

await runTool('bench/src/main.ts', { needs: ['git', 'go'] });
