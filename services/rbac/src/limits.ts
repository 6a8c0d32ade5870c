/** Bounds of this service, in one place. */
export const limits = {
  /** Argo CD's: a password is tried this often for one account before the account is locked for the window. */
  failuresPerAccountMax: 5,
  /** The same over all accounts for one source address. */
  failuresPerSourceMax: 50,
  failureWindowSeconds: 300,
  /** Sources whose failures are counted one by one; the rest share one counter. */
  sourcesMax: 10_000,
  usernameCharsMax: 32,
  /** bcrypt reads no more; a longer password would be cut without anybody knowing. */
  passwordBytesMax: 72,
  /** Passwords being checked at once, and waiting: each costs about a tenth of a second of a core. */
  passwordChecksMax: 2,
  passwordChecksWaitingMax: 32,
  bcryptRounds: 10,
  sessionSecondsDefault: 24 * 60 * 60,
  sessionSecondsMax: 30 * 24 * 60 * 60,
  /** Rows of the table of refused log-ins (one per source and minute). */
  refusedRowsMax: 10_000,
  /** policy.csv and its overlays together: an event holds 256 KiB. */
  policyBytesMax: 200 * 1024,
  retryMsMin: 250,
  retryMsMax: 30_000,
  /** How long a reconciliation waits for the service's own projection after it appended. */
  projectionWaitMs: 2_000,
} as const;
