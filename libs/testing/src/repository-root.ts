import { fileURLToPath } from 'node:url';

/** Root of the checkout, seen from `libs/testing/src` as well as from `libs/testing/dist`. */
export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));
