import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const ownNamespace = 'unshare';
const diskBytes = 8 * 1024 * 1024;

/** A disk of 8 MiB, seen only by what runs `within` it. */
export interface SmallDisk extends AsyncDisposable {
  readonly within: readonly string[];
  /** Writes until only so many bytes are free. */
  fill(freeBytes: number): Promise<void>;
  /** Undoes `fill`. */
  empty(): Promise<void>;
  makeReadOnly(): Promise<void>;
}

/**
 * Mounts a tmpfs on `directory` in a user and mount namespace of its own. `undefined`, with the reason on the console, where the
 * system does not allow that.
 */
export async function mountSmallDisk(directory: string): Promise<SmallDisk | undefined> {
  const script = `mount -t tmpfs -o size=${diskBytes},mode=0700 tmpfs "$0" && echo mounted && cat`;
  const holder = spawn(ownNamespace, ['--map-root-user', '--mount', 'sh', '-c', script, directory], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const reason = await mounted(holder);
  if (reason !== undefined) {
    console.warn(`no small tmpfs here (${reason.trim()}): a limit on the size of a file stands in for the full disk`);
    return undefined;
  }
  console.info('the disk is a tmpfs of 8 MiB in a mount namespace');
  const options = ['--preserve-credentials', '--user', '--mount', '--target', String(holder.pid)];
  const run = async (script: string): Promise<void> => {
    await execute('nsenter', [...options, 'sh', '-c', script, directory]);
  };
  return {
    within: ['nsenter', ...options],
    // Up to the last byte, and then what shall be free is given back.
    fill: (freeBytes) => run(`cd "$0"; head -c ${freeBytes} /dev/zero > spare; cat /dev/zero > ballast 2>/dev/null; rm spare`),
    empty: () => run('rm "$0/ballast"'),
    makeReadOnly: () => run('mount -o remount,ro "$0"'),
    [Symbol.asyncDispose]: async () => {
      const exited = once(holder, 'exit');
      holder.stdin?.end();
      await exited;
    },
  };
}

/** Why it is not mounted. */
async function mounted(holder: ChildProcess): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  let complaint = '';
  holder.on('error', (error) => resolve(error.message));
  holder.on('close', () => resolve(complaint));
  holder.stderr?.on('data', (chunk: Buffer) => void (complaint += chunk.toString()));
  holder.stdout?.once('data', () => resolve(undefined));
  return promise;
}

/**
 * Runs a program that may write no file larger than a megabyte or two: the shells do not agree on the unit. With a handler for the
 * signal, the write that goes too far fails instead of ending the program.
 */
export const withinFileLimit = [
  'sh',
  '-c',
  `ulimit -f 2000; NODE_OPTIONS="--import=data:text/javascript,process.on('SIGXFSZ',()=>{})" exec "$0" "$@"`,
] as const;
