/**
 * Gives every package of the workspace the same targets, so that none has to repeat them and none can forget one:
 *
 *     npx nx affected -t build lint unit     # only what the changes since main touch; the rest comes from the cache
 */
import { dirname } from 'node:path';

export const name = 'plumbline-targets';

export const createNodes = [
  '{libs,services}/*/tsconfig.json',
  (configFiles) =>
    configFiles.map((file) => {
      const root = dirname(file);
      const targets = {
        build: { command: `tsc -b ${root}` },
        lint: { command: `oxlint ${root}` },
        unit: { command: `vitest run --project unit --passWithNoTests ${root}/` },
      };
      return [file, { projects: { [root]: { targets } } }];
    }),
];
