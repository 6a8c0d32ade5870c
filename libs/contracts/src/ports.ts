/** The ports that adapters speak to without importing one another; composition roots wire them. */

export interface Logger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

/** Counters and durations under the names that docs/reference lists. Labels are low-cardinality, never user text. */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  observeMs(name: string, ms: number, labels?: Readonly<Record<string, string>>): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}

export const noMetrics: Metrics = { count: () => undefined, observeMs: () => undefined, gauge: () => undefined };

/** Fire and forget: whoever misses a message finds the fact in the feed. */
export interface Publisher {
  publish(subject: string, body: unknown): void;
}

/** Milliseconds since the epoch. Passed in, so that a test or the simulator owns time. */
export type Clock = () => number;
