import { runTool } from './prepare.mjs';

await runTool('cli/src/main.ts');
