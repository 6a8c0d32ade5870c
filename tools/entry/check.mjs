import { runTool } from './prepare.mjs';

await runTool('tools/src/check.ts');
