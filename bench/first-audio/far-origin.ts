import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The fixtures' origin in a process of its own. */
export interface FarOrigin extends AsyncDisposable {
  readonly baseUrl: string;
}

/** Starts it; every answer takes `latencyMs`. */
export async function startFarOrigin(latencyMs: number): Promise<FarOrigin> {
  const program = fileURLToPath(import.meta.resolve('@tutti/fixtures')).replace(/index\.ts$/u, 'origin-main.ts');
  const child = spawn(process.execPath, [program, '--port', '0', '--latency', String(latencyMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await once(child, 'exit');
  };
  let said = '';
  for await (const text of child.stdout.setEncoding('utf8') as AsyncIterable<string>) {
    said += text;
    const baseUrl = /http:\/\/127\.0\.0\.1:\d+/u.exec(said)?.[0];
    if (baseUrl !== undefined) return { baseUrl, [Symbol.asyncDispose]: stop };
  }
  throw new Error(`the origin did not start: ${said}`);
}
