/** Bounds on what users write. Past them a pattern, rule or policy is refused and reported; it never grants anything. */
export const limits = {
  /** One glob or regular expression. */
  patternCharsMax: 1024,
  /** States of the automaton that a pattern compiles to: what one character of input costs at most. */
  patternStatesMax: 4096,
  /** `{m,n}` of a regular expression. */
  patternRepeatMax: 1000,
  /** Nested groups or alternatives of a pattern. */
  patternDepthMax: 32,
  /** Compiled patterns kept for re-use; the cache is emptied when full. */
  patternsCachedMax: 10_000,
  /** Lines of a policy that are read. */
  policyLinesMax: 20_000,
  /** Roles reached from one subject. */
  rolesPerSubjectMax: 1_000,
  /** A text that a pattern is matched against. Longer ones match nothing but `*`. */
  subjectCharsMax: 4096,
} as const;
