import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fixturePath, PIECE_TAGS } from '@tutti/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { hasFfmpeg } from '../../../fixtures/test/require-ffmpeg.ts';
import { bytesSource } from '../src/bytes-source.ts';
import { readTags } from '../src/file-tags.ts';
import { fileByteSource } from '../src/file-source.ts';
import { loudnessFacts } from '../src/loudness-facts.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'tutti-tags-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The smallest PNG: one pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('tags of a file', () => {
  test.each(['piece.mp3', 'piece-vbr.mp3', 'piece.m4a', 'piece.flac', 'piece.ogg'])(
    '%s: have the names of the track’s',
    async (name) => {
      const { tags, artwork } = await readTags(fileByteSource(fixturePath(name)));
      expect(tags).toMatchObject(PIECE_TAGS);
      expect(artwork).toEqual([]);
    },
  );

  test.skipIf(!hasFfmpeg).each(['mp3', 'm4a', 'flac'])('%s: bring the artwork byte for byte', async (extension) => {
    const [cover, file] = [path.join(scratch, 'cover.png'), path.join(scratch, `cover.${extension}`)];
    writeFileSync(cover, png);
    const input = fixturePath(extension === 'm4a' ? 'piece-moov-last.m4a' : `piece.${extension}`);
    const mapping = ['-i', input, '-i', cover, '-map', '0:a', '-map', '1:v', '-c', 'copy', '-disposition:v', 'attached_pic'];
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...mapping, file]);
    const { artwork } = await readTags(fileByteSource(file));
    expect(artwork).toHaveLength(1);
    expect(artwork[0]?.mediaType).toBe('image/png');
    expect(Buffer.from(artwork[0]?.bytes ?? [])).toEqual(png);
  });

  test.skipIf(!hasFfmpeg)('R128 gains of Opus are found, as loudness too', async () => {
    const file = path.join(scratch, 'gain.opus');
    const tagging = ['-metadata', 'R128_TRACK_GAIN=-512', '-c', 'copy'];
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', fixturePath('piece.opus'), ...tagging, file]);
    const { tags } = await readTags(fileByteSource(file));
    expect(loudnessFacts(tags)).toMatchObject({ trackGainDb: -2, targetLufs: -23 });
  });

  test('what the source throws comes through, what is no media is said to be none', async () => {
    const thrown = new Error('the disk is gone');
    const failing = {
      length: 1000,
      readAt(): number {
        throw thrown;
      },
      close() {},
    };
    await expect(readTags(failing)).rejects.toBe(thrown);
    const text = bytesSource(Buffer.from('<!doctype html><title>no music</title>'));
    await expect(readTags(text)).rejects.toMatchObject({ code: 'decode/not-media' });
  });
});
