import { chmod, mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { MediaSpan, SpanReader } from '../src/media-source.ts';
import { openLocalFileSource } from '../src/local-file-source.ts';
import { ReadingThread } from './reading-thread.ts';

const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) % 251);

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function write(name: string, content: Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

async function openSpan(path: string): Promise<MediaSpan> {
  const source = await openLocalFileSource(path);
  for await (const span of source.spans({ startSeconds: 3 })) return span;
  throw new Error('no span');
}

async function withReader(path: string, use: (thread: ReadingThread, reader: SpanReader) => Promise<void>): Promise<void> {
  await using thread = new ReadingThread();
  const reader = (await openSpan(path)).openReader(thread.doorbell);
  await use(thread, reader);
  await reader.release();
}

it('gives one seekable span that begins at 0, with the wanted position inside it', async () => {
  expect(await openSpan(await write('song.FLAC', bytes))).toMatchObject({
    startSeconds: 0,
    offsetSeconds: 3,
    isSeekable: true,
    isGap: false,
    hint: { extension: 'flac' },
  });
});

it('gives a worker the bytes of the file by position, and its length', async () => {
  const path = await write('song.mp3', bytes);
  await withReader(path, async (thread, reader) => {
    expect(await thread.open(reader)).toBe(bytes.length);
    expect(await thread.drain(0, 30_000)).toEqual(bytes);
    expect(await thread.read(150_000, 10)).toEqual(bytes.subarray(150_000, 150_010));
  });
});

it('fails typed, and does not end, when the file becomes shorter while it plays', async () => {
  const path = await write('song.mp3', bytes);
  await withReader(path, async (thread, reader) => {
    await thread.open(reader);
    await truncate(path, 100);
    await expect(thread.read(1000, 10)).rejects.toMatchObject({
      code: 'stream/unreadable',
      message: expect.stringContaining(path),
    });
  });
});

it.skipIf(process.platform !== 'linux')('keeps no descriptor after the reader was released', async () => {
  const path = await write('song.mp3', bytes);
  const span = await openSpan(path);
  const before = readdirSync('/proc/self/fd').length;
  const reader = span.openReader(new SharedArrayBuffer(4));
  expect(readdirSync('/proc/self/fd')).toHaveLength(before + 1);
  await reader.release();
  await reader.release();
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});

it('says in a sentence what is wrong with a path that cannot be played', async () => {
  const missing = join(directory, 'no.mp3');
  await expect(openLocalFileSource(missing)).rejects.toMatchObject({
    code: 'stream/not-found',
    message: `open ${missing}: there is no such file`,
  });
  await mkdir(join(directory, 'folder'));
  await expect(openLocalFileSource(join(directory, 'folder'))).rejects.toMatchObject({
    code: 'stream/unreadable',
    message: expect.stringContaining('it is a directory'),
  });
  const empty = await write('empty.mp3', new Uint8Array());
  await expect(openLocalFileSource(empty)).rejects.toMatchObject({
    code: 'stream/empty',
    message: `open ${empty}: the file is empty`,
  });
  await expect(openLocalFileSource('/dev/null')).rejects.toMatchObject({ code: 'stream/unreadable' });
});

it.skipIf(process.getuid?.() === 0)('names a missing permission (root has them all: skipped there)', async () => {
  const path = await write('secret.mp3', bytes);
  await chmod(path, 0);
  await expect(openLocalFileSource(path)).rejects.toMatchObject({
    code: 'stream/unreadable',
    message: `open ${path}: permission denied`,
  });
});
