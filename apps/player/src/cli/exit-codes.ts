/** What the program ends with: stable, for scripts. */
export const exitCodes = {
  done: 0,
  failed: 1,
  /** Some of several things were done (warm, verify). */
  partial: 2,
  /** The command line or the settings are wrong (`EX_USAGE`). */
  usage: 64,
  /** There is nothing to play on (`EX_UNAVAILABLE`). */
  noOutput: 69,
  /** Ctrl-C (128 + SIGINT). */
  interrupted: 130,
} as const;
