/** Times and counts of the fault suite. */
export const limits = {
  /** A service that died is started again after this. */
  serviceRestartMs: 150,
  serviceRestartMsMax: 2_000,
  serviceReadyMs: 240_000,
  serviceReadyPollMs: 40,
  serviceAnswerMs: 2_000,
  /** Applications of the load and objects of each. */
  applications: 5,
  objects: 6,
  /** Pauses between two pushes, two edits by hand and two commands. */
  pushPauseMs: [250, 900],
  /** Each application in its turn, more than a minute apart: who keeps writing is met with a back-off of minutes, by design. */
  editPauseMs: [14_000, 16_000],
  commandPauseMs: [300, 1_200],
  prepareMs: 300_000,
  convergePollMs: 100,
  /** The log must not have grown for this long before a platform counts as quiet. */
  quietMs: 1_200,
  historyPollMs: 150,
  subscriberPauseMs: 150,
  /** A command that doesn't answer sooner has an unknown outcome. */
  commandAnswerMs: 15_000,
  /** A write that was decided on before the process was stopped leaves it so soon after it goes on. */
  onTheWayMs: 1_000,
  /** Violations shown of one check. */
  violationsShownMax: 5,
} as const;
