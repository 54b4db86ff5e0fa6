import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { formatBytes, parseBytes } from '../src/cli/size-text.ts';
import { formatTime, parseTime } from '../src/cli/time-text.ts';
import { readSettings } from '../src/config.ts';
import { expandSources } from '../src/media/expand-sources.ts';

describe('times and sizes', () => {
  test.each([
    ['90', 90],
    ['1.5', 1.5],
    ['1:30', 90],
    ['1:02:03.5', 3723.5],
    ['250ms', 0.25],
    ['2m', 120],
    ['1h', 3600],
  ])('the time %s is %d seconds', (text, seconds) => {
    expect(parseTime(text)).toBe(seconds);
  });

  test.each(['', 'soon', '-5', '1:75', '5 s'])('"%s" is no time', (text) => {
    expect(() => parseTime(text)).toThrow('A time is like');
  });

  test('times and sizes are written for people', () => {
    expect([formatTime(65.9), formatTime(3723), formatTime(undefined)]).toEqual(['1:05', '1:02:03', '-:--']);
    expect([formatBytes(14), formatBytes(1536), formatBytes(10 * 1024 ** 3)]).toEqual(['14 B', '1.5 KiB', '10.0 GiB']);
  });

  test('sizes are read in powers of 1024', () => {
    expect([parseBytes('500'), parseBytes('1.5k'), parseBytes('10GiB')]).toEqual([500, 1536, 10 * 1024 ** 3]);
    expect(() => parseBytes('lots')).toThrow('A size is like');
  });
});

describe('sources and settings on disk', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'tutti-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  test('a folder becomes its audio files in natural order, sub-folders included', async () => {
    await mkdir(path.join(folder, 'more'));
    for (const name of ['10.flac', '2.mp3', 'cover.jpg', 'more/1.opus']) await writeFile(path.join(folder, name), '');
    const names = (await expandSources([folder])).map((file) => path.relative(folder, file));
    expect(names).toEqual(['2.mp3', '10.flac', path.join('more', '1.opus')]);
  });

  test('a .m3u becomes its entries, relative to where it lies; URLs stay', async () => {
    const list = path.join(folder, 'party.m3u');
    await writeFile(list, '\uFEFF#EXTM3U\r\n#EXTINF:1,x\r\na b.mp3\r\n\r\nhttps://example.org/c.flac?x=1\r\n');
    expect(await expandSources([list])).toEqual([path.join(folder, 'a b.mp3'), 'https://example.org/c.flac?x=1']);
  });

  test.each([
    ['missing.mp3', 'there is no file or folder'],
    ['rtsp://example.org/x', 'rtsp: addresses cannot be played'],
  ])('%s is refused with what to do', async (source, message) => {
    await expect(expandSources([source])).rejects.toThrow(message);
  });

  test('an empty folder, an empty list and a local HLS playlist are refused with what to do', async () => {
    await expect(expandSources([folder])).rejects.toThrow('holds no audio files');
    await writeFile(path.join(folder, 'empty.m3u'), '#EXTM3U\n');
    await expect(expandSources([path.join(folder, 'empty.m3u')])).rejects.toThrow('names no sources');
    await writeFile(path.join(folder, 'hls.m3u8'), '#EXTM3U\n#EXT-X-TARGETDURATION:4\n');
    await expect(expandSources([path.join(folder, 'hls.m3u8')])).rejects.toThrow('serve its folder over HTTP');
  });

  test('a command’s own table wins over the top of the settings file', async () => {
    const file = path.join(folder, 'tutti.toml');
    await writeFile(file, 'volume = -3\ncache = "/x"\n[play]\nvolume = -9\n');
    const settings = await readSettings({ TUTTI_CONFIG: file });
    expect([settings.get('play', 'volume'), settings.get('tutti', 'volume'), settings.get('play', 'cache')]).toEqual([
      -9,
      -3,
      '/x',
    ]);
    expect(settings.names).toEqual(['volume', 'cache', 'play.volume']);
  });

  test('a settings file that is named must exist and be TOML', async () => {
    await expect(readSettings({ TUTTI_CONFIG: path.join(folder, 'none.toml') })).rejects.toThrow('cannot be read');
    const file = path.join(folder, 'bad.toml');
    await writeFile(file, 'volume = = 3');
    await expect(readSettings({ TUTTI_CONFIG: file })).rejects.toThrow('not valid TOML');
  });
});
