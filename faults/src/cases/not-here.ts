/** Rows of the fault matrix that have no case in this suite, and why. */
export const notHere: readonly { rows: string; why: string }[] = [
  { rows: 'F07, F08', why: "failover and restore (a new generation) are cases of the log's own integration tests; there is one PostgreSQL here" },
  { rows: 'F10', why: 'a full disk needs a file system of its own, which a suite without root cannot make' },
  { rows: 'F13, F14', why: 'duplicates, reordering and delays of messages are what the simulator does, seeded' },
  { rows: 'F15', why: 'parking has its contract suite (`consumer-cases`); the event that cannot be applied is in `poisoned-objects`' },
  { rows: 'F18', why: 'clocks are an argument of the domain and jump in the simulator; positions and leases use the database' },
  { rows: 'F20', why: 'agents come with a later issue' },
  { rows: 'F24, F25, F26, F27, F28', why: 'API server semantics, not faults of parts: end-to-end tests (`trouble`, `hooks-and-waves`)' },
  { rows: 'F32, F33, F36', why: 'huge and hostile repositories, registries: with the issue on rendering and sources' },
  { rows: 'F37', why: 'external key services come with a later issue' },
  { rows: 'F38', why: 'notifications come with a later issue; webhook subscriptions have their own tests' },
  { rows: 'F39', why: 'ten thousand applications: `npm run bench`' },
  { rows: 'F40, F41', why: 'there is no earlier version to upgrade from yet' },
  { rows: 'F44', why: 'an application deleted or cancelled in the middle of a sync: end-to-end tests' },
  { rows: 'F45', why: 'a soak of 72 hours is not a run of minutes' },
];
