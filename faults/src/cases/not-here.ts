/** Rows of the fault matrix that have no case in this suite, and why. */
export const notHere: readonly { rows: string; why: string }[] = [
  {
    rows: 'F02 (out of memory, full disk)',
    why: 'limits of memory and disk need a control group or a file system of its own, which a suite without root cannot make',
  },
  {
    rows: 'F07, F08',
    why: "there is one PostgreSQL here; a restored copy, a new generation and the rewinding of consumers: the log's `operations.int.spec.ts`",
  },
  { rows: 'F10 (full disk)', why: 'as F02; that a full disk parks nothing: `postgres.int.spec.ts`. Read-only and without connections is a case' },
  { rows: 'F13', why: 'duplicates, reordering and delays of messages are what the simulator does, seeded (`simulation/src/faults.ts`)' },
  { rows: 'F14 (handlers that are slow)', why: 'there are no acknowledgements that could run out: a consumer reads the feed by its own checkpoint' },
  { rows: 'F15', why: 'parking has its contract suite (`parking-cases`); the event that cannot be applied is in `poisoned-objects`' },
  {
    rows: 'F18',
    why: 'a clock of one process cannot be moved without a preloaded library; order is by position, leases by the clock of the database. Sync windows come with a later issue',
  },
  { rows: 'F20', why: 'agents are out of scope of this issue' },
  {
    rows: 'F22 (connections that fall silent)',
    why: 'noticed within 60 s: `libs/kube/src/watch.int.spec.ts` with less patience; aggregated APIs: `services/syncer/src/live/aggregated-api.int.spec.ts`',
  },
  {
    rows: 'F23 (413), F24, F25, F26 (but for `kill-awaiting-deletion`), F27, F28',
    why: 'what the API server refuses, not faults of parts. One denied object of 200: `denied.int.spec.ts`; quotas, 413, immutable fields, owners: `bad-input.int.spec.ts`; namespaces that are going, finalizers, silent webhooks, definitions that are never established: `e2e/refused.e2e.ts`; empty renders and unknown kinds: `e2e/trouble.e2e.ts`; new kinds: `e2e/hooks-and-waves.e2e.ts`',
  },
  { rows: 'F30 (a server that stops in the middle of a pack)', why: 'with the issue on sources; here it takes a request and is silent' },
  { rows: 'F32, F33, F36', why: 'huge and hostile repositories, registries: with the issue on rendering and sources' },
  { rows: 'F37', why: 'external key services are out of scope of this issue' },
  {
    rows: 'F38',
    why: 'notifications come with a later issue; webhook subscriptions that are killed, refused and slow: `subscriptions-killed.int.spec.ts`, `sender.int.spec.ts`',
  },
  { rows: 'F39', why: 'a thousand applications are a bench of the issue on the sync engine; ten thousand come later' },
  { rows: 'F40 (two versions), F41', why: 'there is no earlier version to upgrade from yet; `rolling-restart` is of one version' },
  {
    rows: 'F44 (terminate, delete a project or cluster)',
    why: 'ending an operation: `e2e/sync-lifecycle.e2e.ts`; projects and clusters that are deleted come with later issues',
  },
  { rows: 'F45', why: 'a soak of 72 hours is out of scope of this issue' },
];
