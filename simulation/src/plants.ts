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
  /** A log that does not look at fences. */
  'no-fence': 'no append by a former owner',
  /** A door that says yes to a command and writes no operation. */
  'lose-operation': 'no acknowledged command is lost',
  /** An engine that leaves out an object. */
  'lose-object': 'nothing is pruned that is wanted',
  /** A fact that is written anew. */
  'rewrite-fact': 'facts are stable',
  /** A projection that lost a row. */
  'lose-row': 'rebuilt equals live',
} as const;

export type Plant = keyof typeof plants;
