import { runTool } from './prepare.mjs';

await runTool('simulation/src/main.ts');
