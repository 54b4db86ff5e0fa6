import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SEGMENT_SECONDS, sha256, type MediaSet } from './media-set.ts';
import { runProgram, versionOf, type ProgramResult } from './run-program.ts';

/** Connections of every contender that takes a number. */
const CONNECTIONS = 6;

/** Of AAC-LC. */
const FRAMES_PER_PACKET = 1024;

/** What one download is about. */
export interface Job {
  readonly set: MediaSet;
  /** URL of the directory that holds the set's files. */
  readonly baseUrl: string;
  /** URL of the playlist. */
  readonly url: string;
  /** An empty directory for what is downloaded. */
  readonly home: string;
}

/** A program that downloads a presentation. */
export interface Contender {
  readonly name: string;
  download(job: Job, options?: { readonly limitMs?: number; readonly isRetrying?: boolean }): Promise<ProgramResult>;
  /** How much of the presentation arrived right, in words; `undefined` where that is not compared. */
  arrived?(job: Job): Promise<string>;
}

/** Ourselves, who can also tell what the cache holds. */
export interface TuttiContender extends Contender {
  /** SHA-256 of every media file in the cache. */
  stored(job: Job): Promise<readonly string[]>;
}

/** `tutti warm` by its launcher, with the compile cache that this turns on. */
export function tuttiBy(launcher: string): TuttiContender {
  const stored = async ({ home, url }: Job): Promise<readonly string[]> => {
    const parameters = [launcher, 'cache', 'stat', url, '--cache', join(home, 'cache'), '--json'];
    const { stdout } = await runProgram(process.execPath, parameters, { home });
    const [asset] = stdout.split('\n').filter((line) => line !== '');
    const { resources = [] } = JSON.parse(asset ?? '{}') as { resources?: { relPath: string; sha256: string }[] };
    return resources.filter(({ relPath }) => relPath.startsWith('segments/')).map((resource) => resource.sha256);
  };
  return {
    name: 'tutti warm',
    download: ({ home, url }, options) =>
      runProgram(process.execPath, [launcher, 'warm', url, '--cache', join(home, 'cache'), '--json'], { home, ...options }),
    stored,
    async arrived(job) {
      const found = new Set(await stored(job));
      const wanted = new Set(job.set.sha256s);
      const right = job.set.sha256s.filter((hash) => found.has(hash)).length;
      const isExact = [...found].every((hash) => wanted.has(hash));
      return `${right} of ${job.set.sha256s.length}${isExact ? '' : ' and others'}`;
    },
  };
}

const ffmpeg: Contender = {
  name: 'ffmpeg -c copy',
  download: ({ home, url }, options) =>
    runProgram('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', url, '-c', 'copy', join(home, 'out.mka')], { home, ...options }),
  async arrived({ home, set }) {
    // Its packets are counted: the duration that it writes hides the holes.
    const wanted = ['-count_packets', '-show_entries', 'stream=sample_rate,nb_read_packets', '-of', 'json'];
    const { stdout } = await runProgram('ffprobe', ['-v', 'error', ...wanted, join(home, 'out.mka')], { home });
    const { streams = [] } = JSON.parse(stdout === '' ? '{}' : stdout) as {
      streams?: { sample_rate: string; nb_read_packets: string }[];
    };
    const seconds = streams.map((stream) => (Number(stream.nb_read_packets) * FRAMES_PER_PACKET) / Number(stream.sample_rate));
    const segments = set.sha256s.length - (set.name === 'fMP4' ? 1 : 0);
    return `${(seconds[0] ?? 0).toFixed(0)} s of ${segments * SEGMENT_SECONDS} s`;
  },
};

const curl: Contender = {
  name: 'curl -Z',
  async download({ baseUrl, home, set }, { isRetrying = false, ...options } = {}) {
    const list = set.files.map((file) => `url = "${baseUrl}/${file}"\noutput = "${join(home, file)}"\n`);
    await writeFile(join(home, 'list'), list.join(''));
    const retry = isRetrying ? ['--fail', '--retry', '5', '--retry-all-errors', '--retry-delay', '0'] : [];
    const parameters = ['--silent', ...retry, '--parallel', '--parallel-max', String(CONNECTIONS), '--config', join(home, 'list')];
    return runProgram('curl', parameters, { home, ...options });
  },
  async arrived({ home, set }) {
    let right = 0;
    for (const file of set.files) {
      const [got, wanted] = [await hashOf(join(home, file)), await hashOf(join(set.directory, file))];
      if (got !== undefined && got === wanted) right += 1;
    }
    return `${right} of ${set.files.length}`;
  },
};

async function hashOf(file: string): Promise<string | undefined> {
  return readFile(file).then(sha256, () => undefined);
}

const streamlink: Contender = {
  name: 'streamlink',
  download: ({ home, url }, options) => {
    const parameters = ['-Q', '--hls-segment-threads', String(CONNECTIONS), '-o', join(home, 'out'), '-f', `hls://${url}`, 'best'];
    return runProgram('streamlink', parameters, { home, ...options });
  },
};

const ytdlp: Contender = {
  name: 'yt-dlp',
  download: ({ home, url }, options) => {
    const parameters = ['-q', '--no-warnings', '--hls-prefer-native', '-N', String(CONNECTIONS), '--no-part'];
    return runProgram('yt-dlp', [...parameters, '-o', join(home, 'out'), url], { home, ...options });
  },
};

/** Everybody that is installed beside ourselves, with versions; and the names of those that are not. */
export async function contendersHere(): Promise<{
  readonly present: readonly Contender[];
  readonly versions: readonly string[];
  readonly absent: readonly string[];
}> {
  const present: Contender[] = [];
  const versions = [`Node ${process.version}`];
  const absent: string[] = [];
  for (const [contender, command, parameter] of [
    [curl, 'curl', '--version'],
    [ffmpeg, 'ffmpeg', '-version'],
    [streamlink, 'streamlink', '--version'],
    [ytdlp, 'yt-dlp', '--version'],
  ] as const) {
    const version = await versionOf(command, parameter);
    if (version === undefined) absent.push(command);
    else {
      present.push(contender);
      versions.push(version.startsWith(command) ? version : `${command} ${version}`);
    }
  }
  return { present, versions, absent };
}
