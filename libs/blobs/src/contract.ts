/** Contract suite of the blob store, for its adapters and twins. Imports vitest: never imported by production code. */
export { describeBlobStore } from './contract/describe-blob-store.ts';
