/** Everything of the Git adapter that is bounded, in one place. */
export const limits = {
  urlCharsMax: 2_048,
  refNameCharsMax: 1_024,
  lsRemoteMs: 30_000,
  /** About a million refs. */
  lsRemoteBytesMax: 96 * 1024 * 1024,
  /** The first fetch of a big repository over a slow line. */
  fetchMs: 600_000,
  fetchRefsMax: 256,
  /** Of one remote, for conversations without a git process. */
  connectionsPerRemote: 4,
  connectMs: 10_000,
  idleConnectionMs: 60_000,
  /** Without a byte of an answer. */
  silenceMs: 60_000,
  /** Commits that a fetch without a git process says are here. */
  havesMax: 16,
  /** Names of which it is remembered what they led to. */
  tipsKeptMax: 1_000,
  /** After a fetch without a git process failed, git does it for this time. */
  directPauseMs: 600_000,
  /** As Git's `fetch.unpackLimit`: packs of fewer objects become loose objects. */
  unpackObjectsMax: 100,
  setUpMs: 30_000,
  maintenanceMs: 600_000,
  /** Loose objects and packs pile up by one small fetch each; then they are packed again. */
  fetchesBetweenMaintenance: 500,
  errorOutputBytesMax: 64 * 1024,
  /** Between SIGTERM and SIGKILL of a child that took too long. */
  killAfterMs: 2_000,
  /** Silence of `git cat-file` while it owes an answer. */
  readMs: 30_000,
  /** A `git cat-file` without work ends after this time. */
  readerIdleMs: 60_000,
  /** An object that is asked for by itself: a commit, a tree. */
  objectBytesMax: 64 * 1024 * 1024,
  /** Objects asked of `git cat-file` before the first of them is awaited. */
  readAheadObjects: 256,
  readAheadBytes: 8 * 1024 * 1024,
  treeEntriesMax: 1_000_000,
  treeDepthMax: 256,
} as const;
