/** Content by id. A scope is a namespace of rights: what was put into one is never served from another. */
export interface BlobStore {
  /** Stores what is not there yet. Ids are content hashes made by the caller, so the same id is the same content. */
  put(scope: string, blobs: readonly { id: string; bytes: Uint8Array }[]): Promise<void>;
  /** Missing ids are absent from the map. */
  get(scope: string, ids: readonly string[]): Promise<Map<string, Buffer>>;
  /** Which of these ids are not stored. */
  missing(scope: string, ids: readonly string[]): Promise<string[]>;
  /** Forget a scope and everything in it (a repository that nobody names any more). */
  dropScope(scope: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Seals secret values with the key of the Secret `plumbline-key`. Sealing is deterministic (the nonce derives from key,
 * context and plaintext), so that equal content keeps an equal address; all it gives away is that two values are equal.
 */
export interface Sealer {
  /** AES-256-GCM. `context` is authenticated: a value sealed for one purpose doesn't open for another. */
  seal(context: string, plaintext: Uint8Array | string): string;
  /** `failed-precondition` when the key is not ours or the value was changed. */
  open(context: string, sealed: string): Buffer;
  isSealed(value: string): boolean;
  /** HMAC-SHA-256, hex: says whether two secrets are the same, and nothing else. */
  keyedHash(value: Uint8Array | string): string;
}
