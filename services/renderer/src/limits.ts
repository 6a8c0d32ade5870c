/** Limits of the renderer. Those of the manifests themselves are the engine's (engine/internal/render/limits.go). */
export const limits = {
  /** Bytes of files that one render may read. */
  readBytesMax: 64 * 1024 * 1024,
  /** Git objects kept in memory. */
  objectCacheBytesMax: 128 * 1024 * 1024,
  /** Symbolic links followed for one path, as in Linux. */
  linksMax: 40,
  /** From handing a request to an engine to its answer; then the engine is killed. */
  renderMs: 55_000,
  /** A new engine process says that it is ready. */
  engineStartMs: 20_000,
  /** Renders that wait for an engine. */
  waitingMax: 1_000,
  /** Memory of one engine: its garbage collector works harder near the first, the kernel refuses beyond the second. */
  engineMemorySoftBytes: 512 * 1024 * 1024,
  engineMemoryHardBytes: 1024 * 1024 * 1024,
  /** Characters kept of what an engine says on stderr during one render, to find out why it died. */
  complaintLengthMax: 16_384,
  /** One message of an engine: a header, and manifests or files. */
  frameBytesMax: 104 * 1024 * 1024,
  /** Deaths of an engine over one input, after which that input is refused for a while. */
  deathsMax: 3,
  quarantineMs: 10 * 60_000,
  quarantinedMax: 1_000,
  /** Remembered renders of one address (one per state of what was read), and for how long an unused one is kept. */
  tracesPerAddressMax: 64,
  traceUnusedDaysMax: 30,
  /** Of one address, when many applications are asked about at once: what they rendered last is what they mostly render again. */
  tracesRecalledMax: 4,
  /** A hit is noted at most this often. */
  touchMs: 60 * 60_000,
  sweepMs: 24 * 60 * 60_000,
  /** Before an event that could not be appended is tried once more. */
  recordAgainMs: 1_000,
  /** Characters of an error's message in an event. */
  messageLengthMax: 4_096,
} as const;
