/** What health and metrics are made of; the controller only serves it. */
export interface Health {
  service: string;
  version: string;
  /** Empty: ready. Otherwise why not, one reason a line. */
  problems(): Promise<string[]>;
  /** Said, but no reason to be unready. */
  remarks(): string[];
  metricsContentType: string;
  renderMetrics(): Promise<string>;
}

/** Injection token. */
export const HEALTH = Symbol('health');
