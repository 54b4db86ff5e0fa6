import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeLargeMedia } from '@tutti/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';
import { countingSource } from './decode-all.ts';

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe.each(['flac', 'm4a'] as const)('a %s of 30 MB', (kind) => {
  test('needs under 2 % of the file for its first frames, and under 2 MB more after a seek to 90 %', async () => {
    const media = await makeLargeMedia(directory, kind);
    const source = countingSource(fileByteSource(media.path));
    using decoder = await Decoder.open(source);
    expect(decoder.info.durationFrames).toBe(media.frames);
    expect(decoder.decode()?.positionFrames).toBe(0);
    expect(source.uniqueBytes).toBeLessThan(media.bytes * 0.02);
    const before = source.uniqueBytes;
    const target = Math.floor(media.frames * 0.9);
    expect(decoder.seek(target)).toBe(target);
    expect(decoder.decode()?.positionFrames).toBe(target);
    expect(source.uniqueBytes - before).toBeLessThan(2_000_000);
    expect(source.largestRead).toBeLessThanOrEqual(65_536);
  });
});
