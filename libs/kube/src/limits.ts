/** Sizes, counts and times of one client. */
export interface KubeLimits {
  /** Connections for everything but watches: what is in flight at once. A kept HTTP/1.1 connection carries one request. */
  connectionsMax: number;
  /** Requests that wait for a connection; more are refused (`resource-exhausted`). */
  queuedRequestsMax: number;
  /** From sending a request to the end of its answer, retries included; waiting for a connection is not counted. */
  requestDeadlineMs: number;
  connectTimeoutMs: number;
  /** Tries of one request that answers 429 or 5xx, or whose connection breaks. */
  attemptsMax: number;
  /** Wait before the second try, doubling, when the server says nothing (Retry-After); halved to full by chance. */
  retryBackoffMs: number;
  responseBytesMax: number;
  /** Objects in one page of a list. */
  listPageSize: number;
  /** Starts of one list whose continuation expires in the middle. */
  listAttemptsMax: number;
  /** A connection that the server leaves idle is closed by us before a load balancer does it silently. */
  idleConnectionMs: number;
  /** How long credentials from a file or a plugin are used before they are looked up again. */
  credentialsFreshMs: number;
  /** An unknown kind asks the server again at most this often. */
  discoveryRefreshMinMs: number;
  watch: WatchLimits;
}

export interface WatchLimits {
  /**
   * The server is asked to end each watch after a random time between these, which costs two small requests: that is how
   * a connection that is dead without an end is told from a kind that is quiet (bookmarks come about each minute only).
   */
  secondsMin: number;
  secondsMax: number;
  /** No byte for this long, more than a watch lasts, means that nobody is there. */
  silenceMaxMs: number;
  /** One event's line. */
  lineBytesMax: number;
  /** Wait after the first failure; doubles up to `backoffMaxMs`; halved to full by chance. */
  backoffMs: number;
  backoffMaxMs: number;
  /** After 403 or 404: the kind is gone or forbidden, which people change, not time. */
  refusedBackoffMs: number;
  /** A watch that lived this long was a good one: the next failure starts with the shortest wait. */
  goodAfterMs: number;
}

export const kubeLimits: KubeLimits = {
  connectionsMax: 16,
  queuedRequestsMax: 20_000,
  requestDeadlineMs: 30_000,
  connectTimeoutMs: 10_000,
  attemptsMax: 4,
  retryBackoffMs: 100,
  responseBytesMax: 256 * 1024 * 1024,
  listPageSize: 500,
  listAttemptsMax: 3,
  idleConnectionMs: 55_000,
  credentialsFreshMs: 30_000,
  discoveryRefreshMinMs: 1_000,
  watch: {
    secondsMin: 30,
    secondsMax: 50,
    silenceMaxMs: 55_000,
    lineBytesMax: 16 * 1024 * 1024,
    backoffMs: 200,
    backoffMaxMs: 30_000,
    refusedBackoffMs: 30_000,
    goodAfterMs: 5_000,
  },
};
