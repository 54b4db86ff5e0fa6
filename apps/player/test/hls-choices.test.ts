import { provenanceRuns, startOrigin } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { pcmOf, runTutti, temporaryHome } from './run-tutti.ts';

const rendition = (name: string, language: string, folder: string): string =>
  `#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="${name}",LANGUAGE="${language}",AUTOSELECT=YES,URI="${folder}/media.m3u8"`;

/** Two languages, each a variant of the provenance signal; its author wants it to begin at 2.5 s. */
const MASTER = [
  '#EXTM3U',
  '#EXT-X-SESSION-KEY:METHOD=AES-128,URI="announced.key"',
  '#EXT-X-START:TIME-OFFSET=2.5',
  rendition('English', 'en', 'variant-1'),
  rendition('Deutsch', 'de', 'variant-2'),
  '#EXT-X-STREAM-INF:BANDWIDTH=1000000,CODECS="fLaC",AUDIO="a"',
  'nowhere.m3u8',
].join('\n');

describe('tutti play over HLS', () => {
  test.each([
    [[], { variant: 1, frame: 110_250 }],
    [['--language', 'de'], { variant: 2, frame: 110_250 }],
    [['--language', 'de-AT', '--start', '0'], { variant: 2, frame: 0 }],
    [['--language', 'fr', '--start', '1'], { variant: 1, frame: 44_100 }],
  ])('%j plays %j', async (choices, first) => {
    await using home = await temporaryHome();
    await using origin = await startOrigin();
    origin.put('/hls/provenance/choices.m3u8', MASTER);
    const url = origin.url('/hls/provenance/choices.m3u8');
    const output = home.file('played.wav');
    const played = await runTutti(['play', url, '--cache', home.file('cache'), '--output', output, '--duration', '2', ...choices], {
      home: home.directory,
    });
    expect(played.code, played.stderr).toBe(0);
    const { bytes } = await pcmOf(output);
    const runs = provenanceRuns(new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
    expect(runs).toEqual([{ at: 0, frameCount: 88_200, ...first }]);
  });
});

test('tutti warm fetches the language that is then played offline; a dry run asks for playlists alone', async () => {
  await using home = await temporaryHome();
  await using origin = await startOrigin();
  origin.put('/hls/provenance/choices.m3u8', MASTER);
  const url = origin.url('/hls/provenance/choices.m3u8');
  const choices = [url, '--cache', home.file('cache'), '--language', 'de'];
  const planned = await runTutti(['warm', '--dry-run', ...choices], { home: home.directory });
  expect(planned.code, planned.stderr).toBe(0);
  const playlists = ['/hls/provenance/choices.m3u8', '/hls/provenance/variant-2/media.m3u8'];
  expect(origin.requests.map(({ target }) => target)).toEqual(playlists);
  const warmed = await runTutti(['warm', ...choices], { home: home.directory });
  expect(warmed.code, warmed.stderr).toBe(0);
  await origin.stop();
  const output = home.file('played.wav');
  const played = await runTutti(['play', '--offline', '--output', output, '--start', '0', ...choices], { home: home.directory });
  expect(played.code, played.stderr).toBe(0);
  const { bytes } = await pcmOf(output);
  const runs = provenanceRuns(new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)));
  expect(runs).toEqual([{ at: 0, variant: 2, frame: 0, frameCount: 352_800 }]);
});
