import { runTool } from './prepare.mjs';

await runTool('tools/src/status.ts', { install: false, exitCodeWhenNotInstalled: 3 });
