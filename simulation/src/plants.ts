/**
 * Bugs that can be planted, to see that the simulator finds them: each with the invariant that must break.
 */
export const plants = {
  /** A consumer that does not move its checkpoint with what it wrote. */
  'skip-checkpoint': 'each event takes effect once',
  /** A client that writes down what it applies. */
  'log-objects': 'no secret is seen',
  /** A syncer that applies nothing and says that it did. */
  'apply-nothing': 'everything converges',
} as const;

export type Plant = keyof typeof plants;
