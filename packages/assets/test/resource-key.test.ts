import { isAbsolute, join, relative, sep } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssetError, assetId, resourceKey } from '../src/index.ts';

const segment = fc.oneof(
  fc.constantFrom(
    '..',
    '.',
    '',
    'CON',
    'nul.mp3',
    'a'.repeat(300),
    'x.part',
    'x.part.json',
    'trailing.',
    'sp ace ',
    'Å.MP3',
    'a%2Fb',
    '%00',
    '%',
    'song.mp3',
  ),
  fc.string({ maxLength: 12 }).map(encodeURIComponent),
);
const url = fc
  .record({
    scheme: fc.constantFrom('http', 'https'),
    host: fc.constantFrom('a.example', 'A.example:8080', '127.0.0.1', '[::1]:81', 'xn--bcher-kva.example'),
    path: fc.array(segment, { maxLength: 4 }),
    query: fc.option(fc.string({ maxLength: 8 }).map(encodeURIComponent), { nil: undefined }),
  })
  .map(({ scheme, host, path, query }) => `${scheme}://${host}/${path.join('/')}${query === undefined ? '' : `?${query}`}`)
  .filter((text) => URL.canParse(text));
/** What tells URLs apart; an empty query is none. */
function addressOf(text: string): string {
  const { origin, pathname, search } = new URL(text);
  return `${origin}${pathname}${search}`;
}
const folder = fc.constantFrom('media', 'playlists', 'keys', 'segments');
const root = join(sep, 'cache', 'assets');

describe('a place in the cache', () => {
  test('is inside the root, plain, short, and never one of the cache’s own names', () => {
    fc.assert(
      fc.property(url, folder, (address, kind) => {
        const key = resourceKey(assetId(address), kind, address);
        const way = relative(root, join(root, key.assetRoot, key.relPath));
        expect(way.startsWith('..') || isAbsolute(way)).toBe(false);
        expect(key.assetRoot).toMatch(/^[a-z0-9-]{1,100}$/);
        expect(key.relPath).toMatch(/^[a-z]+\/[a-z0-9-]{1,100}(\.[a-z0-9]{1,8})?$/);
        expect(key.relPath).not.toMatch(/\.(part|json|jsonl|tmp|lock)$/);
      }),
    );
  });

  test('is another one for another URL, also where only letters’ case, folder or range differ', () => {
    const range = fc.option(
      fc.tuple(fc.nat(50), fc.nat(50)).map(([start, size]) => ({ start, end: start + size })),
      { nil: undefined },
    );
    fc.assert(
      fc.property(fc.tuple(url, folder, range), fc.tuple(url, folder, range), (a, b) => {
        const [first, second] = [a, b].map(([address, kind, part]) =>
          resourceKey('x-0', kind, address, part === undefined ? {} : { range: part }).relPath.toLowerCase(),
        );
        const isSame = JSON.stringify([addressOf(a[0]), a[1], a[2]]) === JSON.stringify([addressOf(b[0]), b[1], b[2]]);
        expect(first === second).toBe(isSame);
      }),
    );
    const paths = ['Song.mp3', 'song.mp3', 'song.mp3?', 'song.mp3?a', 'song%2emp3', 'song.mp3/'].map(
      (name) => resourceKey('x-0', 'media', `https://a.example/${name}`).relPath,
    );
    expect(new Set(paths).size).toBe(paths.length - 1);
  });

  test('is inside the root and its own for each of 100,000 URLs', () => {
    const places = new Map<string, string>();
    for (const [address, kind] of fc.sample(fc.tuple(url, folder), { numRuns: 100_000, seed: 1 })) {
      const key = resourceKey(assetId(address), kind, address);
      const place = join(root, key.assetRoot, key.relPath).toLowerCase();
      if (!place.startsWith(root + sep) || place.split(sep).includes('..')) expect.fail(`${address} lies at ${place}`);
      const identity = `${kind} ${addressOf(address)}`;
      if ((places.get(place) ?? identity) !== identity) expect.fail(`${identity} lies where ${places.get(place)!} does`);
      places.set(place, identity);
    }
    expect(places.size).toBeGreaterThan(50_000);
    expect(new Set(places.values()).size).toBe(places.size);
  });

  test('of an asset does not depend on credentials, query and fragment, except the query that is named', () => {
    const plain = assetId('https://a.example/list.m3u8');
    expect(assetId('https://user:secret@a.example:443/list.m3u8?token=1#x')).toBe(plain);
    expect(assetId('https://a.example/list.m3u8?id=7&token=1', ['id'])).toBe(
      assetId('https://a.example/list.m3u8?token=2&id=7', ['id']),
    );
    expect(assetId('https://a.example/list.m3u8?id=7', ['id'])).not.toBe(assetId('https://a.example/list.m3u8?id=8', ['id']));
    expect(assetId('http://a.example/list.m3u8')).not.toBe(plain);
  });

  test('counts the whole query of a resource unless its identity is named', () => {
    const at = (query: string, identityQuery?: readonly string[]): string =>
      resourceKey('x-0', 'segments', `https://a.example/s.ts?${query}`, identityQuery === undefined ? {} : { identityQuery })
        .relPath;
    expect(at('a=1')).not.toBe(at('a=2'));
    expect(at('a=1&token=1', ['a'])).toBe(at('token=2&a=1', ['a']));
  });

  test('holds nothing secret, and keeps what helps a reader', () => {
    const key = resourceKey('x-0', 'media', 'https://user:hush@a.example/My%20Song.MP3?token=hush');
    expect(key.relPath).toMatch(/^media\/my-song-[0-9a-f]{32}\.mp3$/);
    expect(JSON.stringify(key)).not.toContain('hush');
    expect(key.url).toBe('https://a.example/My%20Song.MP3');
  });

  test.each(['', 'song.mp3', 'file:///etc/passwd', 'data:,x', 'http://'])('is refused to %j', (address) => {
    expect(() => resourceKey('x-0', 'media', address)).toThrow(AssetError);
    expect(() => assetId(address)).toThrow(expect.objectContaining({ code: 'assets/bad-key' }));
  });
});
