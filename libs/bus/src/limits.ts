import { requestBytesMax } from '@plumbline/contracts';

/** Everything of the bus that is bounded, in one place. Times in milliseconds. */
export const limits = {
  /** Of a request and of a reply. */
  messageBytesMax: requestBytesMax,
  /** Requests of one verb that one replica works on at a time; more are refused with `resource-exhausted`. */
  requestsInFlightMax: 256,
  /** A call made while the connection is away waits this long for it. */
  connectionWaitMs: 2_000,
  connectTimeoutMs: 2_000,
  reconnectWaitMs: 250,
  /** A half-open connection is noticed after two of these. */
  pingIntervalMs: 10_000,
  /** Closing waits this long for requests that are being answered. */
  drainMs: 10_000,
  /** What outside subscribers can catch up with, where JetStream is there. */
  feedStreamAgeMs: 24 * 60 * 60 * 1000,
  feedStreamBytesMax: 256 * 1024 * 1024,
  /** Of an error's message on the wire. */
  errorMessageCharsMax: 4_096,
} as const;
