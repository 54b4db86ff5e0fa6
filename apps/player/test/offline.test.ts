import { startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { pcmOf, runTutti, temporaryHome } from './run-tutti.ts';

/** What is played, and how many seconds of sound it must give at the least. */
const sources = [
  ['MP3', 'piece.mp3'],
  ['FLAC', 'piece.flac'],
  ['M4A', 'piece.m4a'],
  ['Ogg Vorbis', 'piece.ogg'],
  ['HLS in fMP4', 'hls/fmp4/multivariant.m3u8'],
  ['HLS in MPEG-TS', 'hls/ts/multivariant.m3u8'],
  ['HLS in AES-128 fMP4', 'hls/fmp4-aes/multivariant.m3u8'],
  ['HLS in AES-128 MPEG-TS', 'hls/ts-aes/multivariant.m3u8'],
  ['HLS in packed AAC', 'hls/aac/multivariant.m3u8'],
] as const;

describe('what was played once plays again without the network', () => {
  test.each(sources)('%s: the same PCM from the cache after the origin has gone', async (_, file) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const play = ['play', origin.url(file), '--cache', home.file('cache'), '--json', '--output'];

    const online = await runTutti([...play, home.file('a.wav')], { home: home.directory });
    expect(online.stderr).toBe('');
    expect(online.code).toBe(0);
    expect(origin.sentBytes).toBeGreaterThan(0);
    await origin.stop();
    const offline = await runTutti([...play, home.file('b.wav'), '--offline'], { home: home.directory });
    expect(offline.stderr).toBe('');
    expect(offline.code).toBe(0);

    const [first, second] = [await pcmOf(home.file('a.wav')), await pcmOf(home.file('b.wav'))];
    expect(first.bytes.length).toBeGreaterThan(44_100 * 4 * 10);
    expect(loudness(first.bytes)).toBeGreaterThan(0.01);
    expect(second.sha256).toBe(first.sha256);
    expect(second.bytes.equals(first.bytes)).toBe(true);
    const done = offline.events().findLast((event) => event['event'] === 'done');
    expect(done).toMatchObject({ networkBytes: 0, failed: 0 });
  });

  test('what was never fetched is refused at once, and says what to do', async () => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    const result = await runTutti(
      ['play', origin.url('piece.mp3'), '--cache', home.file('cache'), '--offline', '--output', 'null'],
      { home: home.directory },
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/play or warm it once with the network/);
    expect(origin.requests).toHaveLength(0);
  });
});

/** Root mean square of 16-bit samples, full scale 1. */
function loudness(bytes: Buffer): number {
  let sum = 0;
  for (let offset = 0; offset + 1 < bytes.length; offset += 2) sum += (bytes.readInt16LE(offset) / 32_768) ** 2;
  return Math.sqrt(sum / (bytes.length / 2));
}
