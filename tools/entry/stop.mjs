import { runTool } from './prepare.mjs';

await runTool('tools/src/stop.ts', { install: false });
