/** What the supervisor in the background tells the command that started it. */
export type SupervisorMessage =
  | { type: 'progress'; line: string }
  /** Everything answers; `summary` is for people. */
  | { type: 'ready'; summary: string }
  | { type: 'failed'; message: string };

/** What that command asks of it: an orderly end, or an immediate one. */
export type SupervisorRequest = 'stop' | 'kill';
