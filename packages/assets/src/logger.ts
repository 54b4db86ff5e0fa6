/** Where the cache says what happened: one line per event, fields first. Silent when none is given. */
export interface AssetLogger {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export const silentLogger: AssetLogger = { info: () => undefined, warn: () => undefined };
