import { runTool } from './prepare.mjs';

await runTool('tools/src/reset.ts', { install: false });
