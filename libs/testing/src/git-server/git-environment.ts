/**
 * Git with nothing from this machine: no system or user configuration, no hooks, no prompts, no other protocols. What a
 * test or a demo does must not depend on whose machine it runs on.
 */
export const gitEnvironment = (extra: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  ...extra,
});

/** Arguments before the subcommand. */
export const gitSettings = ['-c', 'core.hooksPath=/dev/null', '-c', 'safe.directory=*', '-c', 'gc.auto=0', '-c', 'core.fsmonitor=false'] as const;
