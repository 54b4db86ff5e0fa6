import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

/** A player that writes 16-bit stereo PCM to its standard output. */
export interface ColdPlayer {
  readonly name: string;
  /** Command and parameters. */
  command(url: string, cacheDirectory: string): readonly [string, ...(readonly string[])];
}

const fromNode = (launcher: string): ColdPlayer => ({
  name: 'tutti',
  command: (url, cache) => {
    const wishes = ['-o', '-', '--format', 's16', '--duration', '1', '--cache', cache];
    return [process.execPath, launcher, 'decode', url, ...wishes];
  },
});

const ffmpeg: ColdPlayer = {
  name: 'ffmpeg',
  command: (url) => {
    const wishes = ['-t', '1', '-f', 's16le', '-ac', '2', '-flush_packets', '1', 'pipe:1'];
    return ['ffmpeg', '-nostdin', '-v', 'error', '-i', url, ...wishes];
  },
};

const mpv: ColdPlayer = {
  name: 'mpv',
  command: (url) => {
    const pcm = ['--o=-', '--of=s16le', '--oac=pcm_s16le'];
    return ['mpv', '--no-config', '--no-video', '--no-terminal', '--length=1', ...pcm, url];
  },
};

const gstreamer: ColdPlayer = {
  name: 'gst-launch-1.0',
  command: (url) => {
    const sink = ['audio/x-raw,format=S16LE,channels=2', '!', 'fdsink', 'fd=1', 'sync=false'];
    return ['gst-launch-1.0', '-q', 'uridecodebin3', `uri=${url}`, '!', 'audioconvert', '!', ...sink];
  },
};

const vlc: ColdPlayer = {
  name: 'cvlc',
  command: (url) => {
    const sink = '#transcode{acodec=s16l,channels=2}:std{access=file,mux=raw,dst=-}';
    const play = ['cvlc', '-I', 'dummy', '--no-video', '-q', '--sout', sink, '--run-time=2', url, 'vlc://quit'] as const;
    // VLC refuses to run as root. Not every shell finds what lies in sbin.
    return process.getuid?.() === 0 ? ['/usr/sbin/runuser', '-u', 'nobody', '--', ...play] : [...play];
  },
};

/** Ours, and the others that are installed. */
export async function coldPlayers(launcher: string): Promise<readonly ColdPlayer[]> {
  const players = [fromNode(launcher)];
  for (const player of [ffmpeg, mpv, gstreamer, vlc]) {
    if (await isInstalled(player.name)) players.push(player);
    else process.stdout.write(`there is no ${player.name} on this machine: it is left out\n`);
  }
  return players;
}

/** Longest wait for a player: ten times what the slowest needs. */
const PATIENCE_MS = 20_000;

/**
 * Milliseconds from starting the process to its first sample that is not silence; `undefined`, with a line about it, when none came
 * before the process ended or within 20 s. Nothing of the player is left running.
 */
export async function firstAudioMs(player: ColdPlayer, url: string, cacheDirectory: string): Promise<number | undefined> {
  const startedMs = performance.now();
  await using running = start(player, url, cacheDirectory);
  for await (const chunk of running.pcm as AsyncIterable<Buffer>)
    if (chunk.some((byte) => byte !== 0)) return performance.now() - startedMs;
  process.stderr.write(`${player.name} gave no sound of ${url}: ${running.said.join('').trim()}\n`);
  return undefined;
}

/** Lets a player play to its end once, or for 20 s: what it keeps for its next start, such as compiled code, it keeps then. */
export async function playThrough(player: ColdPlayer, url: string, cacheDirectory: string): Promise<void> {
  await using running = start(player, url, cacheDirectory);
  running.pcm.resume();
  await running.closed;
}

interface RunningPlayer extends AsyncDisposable {
  readonly pcm: Readable;
  /** What it wrote to its standard error. */
  readonly said: readonly string[];
  /** Settles when it has ended, and everything that it started. */
  readonly closed: Promise<unknown>;
}

/** Starts a player, which is ended after 20 s or when it is disposed. */
function start(player: ColdPlayer, url: string, cacheDirectory: string): RunningPlayer {
  const [command, ...parameters] = player.command(url, cacheDirectory);
  // A group of its own: a player that another program starts is ended, too.
  const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const closed = once(child, 'close');
  const patience = setTimeout(() => killGroup(child.pid), PATIENCE_MS);
  const said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text));
  return {
    pcm: child.stdout,
    said,
    closed,
    async [Symbol.asyncDispose]() {
      clearTimeout(patience);
      killGroup(child.pid);
      await closed;
    },
  };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function isInstalled(name: string): Promise<boolean> {
  return promisify(execFile)('which', [name]).then(
    () => true,
    () => false,
  );
}
