import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The browser's command, or `undefined` where there is none; that is said loudly. */
export const chromium = ((): string | undefined => {
  const found = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (found === undefined)
    console.warn('SKIPPED: no chromium on this machine (Debian: apt-get install chromium), so no page is opened');
  return found;
})();

/** Opens a page without a window, with a profile of its own that goes when the page is closed. */
export async function openPage(command: string, url: string): Promise<AsyncDisposable> {
  const profile = await mkdtemp(path.join(tmpdir(), 'tutti-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  flags.push('--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', `--user-data-dir=${profile}`);
  // With a debugging port it stays until it is told to go.
  const browser = spawn(command, [...flags, '--remote-debugging-port=0', url], { stdio: 'ignore', detached: true });
  const exited = new Promise((resolve) => browser.once('exit', resolve));
  return {
    async [Symbol.asyncDispose]() {
      // The browser's own processes form its group.
      if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL');
      await exited;
      await rm(profile, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}
