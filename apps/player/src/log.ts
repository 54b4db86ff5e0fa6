import { mkdirSync } from 'node:fs';
import path from 'node:path';
import pino, { type Logger } from 'pino';

export type { Logger };

/**
 * A logger that appends JSON lines to `tutti.log` in `directory`, never to stdout. A directory that cannot be written to means no log:
 * playing music does not depend on it.
 */
export function createFileLogger(directory: string, level: string): Logger {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const destination = pino.destination({ dest: path.join(directory, 'tutti.log'), sync: false, append: true });
    destination.on('error', () => {});
    return pino({ level, base: { pid: process.pid } }, destination);
  } catch {
    return pino({ enabled: false });
  }
}
