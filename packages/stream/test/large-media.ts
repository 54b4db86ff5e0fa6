import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Whether this machine can make large files; the reason is printed once when it cannot. */
export function canMakeLargeMedia(): boolean {
  const canRun = spawnSync('ffmpeg', ['-version']).status === 0;
  if (!canRun) console.warn('SKIPPED: the tests over 30 MB files need ffmpeg to make them, and there is none on this machine');
  return canRun;
}

/** Seconds of noise that make a little more than 30 MB with ffmpeg's encoders. */
const durationSeconds = { flac: 228, alac: 156 };

/** About 30 MB of noise, which no lossless codec makes small: FLAC, and ALAC in MP4 with its index last or first. */
export async function makeLargeMedia(
  directory: string,
  name: 'noise.flac' | 'noise.m4a' | 'noise-faststart.m4a',
): Promise<Uint8Array> {
  const path = join(directory, name);
  const codec = name.endsWith('.flac') ? 'flac' : 'alac';
  const placement = name.includes('faststart') ? ['-movflags', '+faststart'] : [];
  const noise = `aevalsrc=2*random(0)-1|2*random(1)-1:s=44100:d=${durationSeconds[codec]}`;
  await promisify(execFile)('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', noise, '-c:a', codec, ...placement, path]);
  return readFile(path);
}
