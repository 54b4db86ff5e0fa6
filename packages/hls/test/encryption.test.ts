import { readFile, stat } from 'node:fs/promises';
import { createHttpClient } from '@tutti/net';
import { SharedTransferLimit } from '@tutti/stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { implicitIv } from '../src/playlist/segment-key.ts';
import { encrypt, HlsBench, noise, readAll, SpanReading, vod } from './hls-bench.ts';

const key = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const otherKey = Buffer.from('ffeeddccbbaa99887766554433221100', 'hex');
const iv = Buffer.from('0f0e0d0c0b0a09080706050403020100', 'hex');
const tag = `#EXT-X-KEY:METHOD=AES-128,URI="key.bin?token=secret",IV=0x${iv.toString('hex')}`;

let bench: HlsBench;
beforeEach(async () => {
  bench = await HlsBench.start();
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** Segments at `/e/s0.ts`…; gives their plaintext. */
function putEncrypted(
  lines: readonly string[],
  ciphers: readonly { readonly key: Buffer; readonly iv: Uint8Array }[],
  header: readonly string[] = [],
): readonly Buffer[] {
  const plain = ciphers.map((_, index) => noise(`plain ${index}`, 40_000 + index));
  for (const [index, cipher] of ciphers.entries())
    bench.origin.put(`/e/s${index}.ts`, encrypt(plain[index]!, cipher.key, cipher.iv));
  bench.origin.put('/e/key.bin', key);
  bench.origin.put('/e/other.bin', otherKey);
  bench.origin.put('/e/list.m3u8', vod(lines, header));
  return plain;
}

/** Plays the beginning of `/e/s0.ts` and goes away. */
async function readHalf(): Promise<void> {
  using gate = bench.origin.gate('/e/s0.ts', 20_000);
  const source = await bench.open('/e/list.m3u8');
  for await (const span of source.spans({ startSeconds: 0 })) {
    await using reading = new SpanReading(span);
    await reading.reached(19_000);
    break;
  }
  gate.release();
}

describe('encryption that is not decrypted', () => {
  it.each([
    ['METHOD=SAMPLE-AES,URI="k"', 'SAMPLE-AES, key format identity'],
    ['METHOD=SAMPLE-AES-CTR,URI="k"', 'SAMPLE-AES-CTR, key format identity'],
    ['METHOD=AES-256,URI="k"', 'AES-256, key format identity'],
    [
      'METHOD=AES-128,URI="skd://k",KEYFORMAT="com.apple.streamingkeydelivery"',
      'AES-128, key format com.apple.streamingkeydelivery',
    ],
    ['METHOD=AES-128,URI="data:text/plain;base64,AAAA"', 'a key that is not behind http(s)'],
    ['METHOD=ROT13,URI="k"', 'ROT13, key format identity'],
  ])('%s is refused, named with its line, before anything is fetched', async (attributes, named) => {
    bench.origin.put('/e/list.m3u8', vod(['#EXTINF:4,', 's0.ts', `#EXT-X-KEY:${attributes}`, '#EXTINF:4,', 's1.ts']));
    const error: Error & { code?: string } = await bench.open('/e/list.m3u8').then(
      () => expect.fail('it was opened'),
      (reason: unknown) => reason as Error,
    );
    expect(error.code).toBe('hls/unsupported-encryption');
    expect(error.message).toContain(`/e/list.m3u8, line 5: segments are encrypted with ${named}:`);
    expect(bench.paths).toEqual(['/e/list.m3u8']);
  });

  it('is no matter where AES-128 with key format identity is offered beside it', async () => {
    const plain = putEncrypted(
      ['#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://x",KEYFORMAT="com.apple.streamingkeydelivery"', tag, '#EXTINF:4,', 's0.ts'],
      [{ key, iv }],
    );
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(plain[0]);
  });
});

describe('AES-128', () => {
  it('decrypts with an explicit IV, stores plaintext, and plays it offline; the key is asked for once and kept to its owner', async () => {
    const plain = putEncrypted(
      [tag, '#EXTINF:4,', 's0.ts', '#EXTINF:4,', 's1.ts', '#EXTINF:4,', 's2.ts'],
      Array.from({ length: 3 }, () => ({ key, iv })),
    );
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(Buffer.concat(plain));
    expect(bench.paths.toSorted()).toEqual(['/e/key.bin', '/e/list.m3u8', '/e/s0.ts', '/e/s1.ts', '/e/s2.ts']);
    const keyFiles = (await bench.files()).filter((file) => file.includes('/keys/'));
    expect(keyFiles).toHaveLength(1);
    expect((await stat(keyFiles[0]!)).mode & 0o777).toBe(0o600);
    const sizes = await Promise.all(
      (await bench.files()).filter((file) => file.includes('/segments/')).map(async (file) => (await stat(file)).size),
    );
    expect(sizes.toSorted((one, other) => one - other)).toEqual([40_000, 40_001, 40_002]);
    await bench.origin.stop();
    expect(await readAll(await bench.openOffline('/e/list.m3u8'))).toEqual(Buffer.concat(plain));
  });

  it('makes the IV from the media sequence number where the playlist gives none', async () => {
    const plain = putEncrypted(
      ['#EXT-X-KEY:METHOD=AES-128,URI="key.bin"', '#EXTINF:4,', 's0.ts', '#EXTINF:4,', 's1.ts'],
      [
        { key, iv: implicitIv(1000) },
        { key, iv: implicitIv(1001) },
      ],
      ['#EXT-X-MEDIA-SEQUENCE:1000'],
    );
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(Buffer.concat(plain));
  });

  it('follows a rotation, and clear segments behind it', async () => {
    const plain = putEncrypted(
      [
        tag,
        '#EXTINF:4,',
        's0.ts',
        `#EXT-X-KEY:METHOD=AES-128,URI="other.bin"`,
        '#EXTINF:4,',
        's1.ts',
        '#EXT-X-KEY:METHOD=NONE',
        '#EXTINF:4,',
        'clear.ts',
      ],
      [
        { key, iv },
        { key: otherKey, iv: implicitIv(1) },
      ],
    );
    bench.origin.put('/e/clear.ts', noise('clear'));
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(Buffer.concat([...plain, noise('clear')]));
    expect(bench.paths.filter((path) => path.endsWith('.bin')).toSorted()).toEqual(['/e/key.bin', '/e/other.bin']);
  });

  it('decrypts an init section by the key where it stands, and byte ranges of one file', async () => {
    const init = encrypt(noise('init', 700), key, iv);
    const parts = [0, 1].map((index) => encrypt(noise(`part ${index}`, 5000), key, iv));
    bench.origin.put('/e/all.mp4', Buffer.concat([init, ...parts]));
    bench.origin.put('/e/key.bin', key);
    const ranges = [`${parts[0]!.length}@${init.length}`, String(parts[1]!.length)];
    bench.origin.put(
      '/e/list.m3u8',
      vod([
        tag,
        `#EXT-X-MAP:URI="all.mp4",BYTERANGE="${init.length}@0"`,
        ...ranges.flatMap((range) => ['#EXTINF:4,', `#EXT-X-BYTERANGE:${range}`, 'all.mp4']),
      ]),
    );
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(
      Buffer.concat([noise('init', 700), noise('part 0', 5000), noise('part 1', 5000)]),
    );
  });

  it('asks for the key while the first segment is on its way', async () => {
    const plain = putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    using keyGate = bench.origin.gate('/e/key.bin', 1);
    using segmentGate = bench.origin.gate('/e/s0.ts', 1);
    const source = await bench.open('/e/list.m3u8');
    for await (const span of source.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      await Promise.all([keyGate.reached(), segmentGate.reached()]);
      keyGate.release();
      segmentGate.release();
      expect(await reading.end()).toEqual(plain[0]);
    }
  });

  it('gives plaintext to the reader before the segment has ended', async () => {
    const plain = putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    using gate = bench.origin.gate('/e/s0.ts', 20_000);
    const source = await bench.open('/e/list.m3u8');
    for await (const span of source.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      await reading.reached(19_968);
      expect(reading.bytes.equals(plain[0]!.subarray(0, reading.bytes.length))).toBe(true);
      gate.release();
      expect(await reading.end()).toEqual(plain[0]);
    }
  });

  it('continues a half segment from one block before', async () => {
    const plain = putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    await readHalf();
    bench.origin.resetLog();
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(plain[0]);
    const [resumed] = bench.origin.requests.filter(({ target }) => target.endsWith('s0.ts'));
    expect(resumed?.ifRange).toBeDefined();
    const start = Number(/^bytes=(\d+)-/u.exec(resumed?.range ?? '')?.[1]);
    expect(start).toBeGreaterThanOrEqual(19_000 - 32);
    expect(start % 16).toBe(0);
  });

  it('starts a half segment again when its key or IV is another one now', async () => {
    putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    await readHalf();
    const plain = noise('anew', 40_000);
    bench.origin.put('/e/list.m3u8', vod(['#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x1', '#EXTINF:4,', 's0.ts']));
    bench.origin.put('/e/s0.ts', encrypt(plain, key, implicitIv(1)));
    expect(await readAll(await bench.open('/e/list.m3u8'))).toEqual(plain);
  });

  it('keeps what the key processor made of a key, and gives it the key it came from', async () => {
    const plain = putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    bench.origin.put(
      '/e/key.bin',
      key.map((byte) => byte ^ 0x5a),
    );
    const uris: string[] = [];
    const keyProcessor = (bytes: Uint8Array, { uri }: { readonly uri: string }): Uint8Array => {
      uris.push(uri);
      return bytes.map((byte) => byte ^ 0x5a);
    };
    const source = await bench.open('/e/list.m3u8', { keyProcessor });
    expect(await readAll(source)).toEqual(plain[0]);
    await source.close();
    expect(uris).toEqual([bench.origin.url('/e/key.bin?token=secret')]);
    const [file] = (await bench.files()).filter((path) => path.includes('/keys/'));
    expect(await readFile(file!)).toEqual(key);
    expect((await stat(file!)).mode & 0o777).toBe(0o600);
    await bench.origin.stop();
    const failing = (): never => expect.fail('a stored key is processed again');
    expect(await readAll(await bench.openOffline('/e/list.m3u8', { keyProcessor: failing }))).toEqual(plain[0]);
  });

  it('asks for a key once, however many segments want it, and though they hold every connection', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `s${index}.ts`);
    putEncrypted(
      [tag, ...names.flatMap((name) => ['#EXTINF:4,', name])],
      names.map(() => ({ key, iv })),
    );
    await using client = createHttpClient({ perOriginRequests: 1 });
    const source = await bench.open('/e/list.m3u8', { client });
    expect(await source.fill({ limit: new SharedTransferLimit(6).ranked(0) })).toMatchObject({ isComplete: true });
    expect(bench.paths.toSorted()).toEqual(['/e/key.bin', '/e/list.m3u8', ...names.map((name) => `/e/${name}`)]);
  });

  it('sends the headers that are meant for keys with keys only', async () => {
    const plain = putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    await using client = createHttpClient({
      headers: (kind): Record<string, string> => (kind === 'key' ? { authorization: 'Bearer of-keys' } : {}),
    });
    expect(await readAll(await bench.open('/e/list.m3u8', { client }))).toEqual(plain[0]);
    const withHeader = bench.origin.requests.filter(({ headers }) => headers['authorization'] === 'Bearer of-keys');
    expect(withHeader.map(({ target }) => target)).toEqual(['/e/key.bin?token=secret']);
  });
});

describe('keys that do not fit', () => {
  async function failureOf(options: Parameters<HlsBench['open']>[1] = {}): Promise<Error & { code: string }> {
    const source = await bench.open('/e/list.m3u8', options);
    for await (const span of source.spans({ startSeconds: 0 })) {
      await using reading = new SpanReading(span);
      const error: unknown = await reading.end().catch((reason: unknown) => reason);
      if (error instanceof Error) return error as Error & { code: string };
    }
    throw new Error('nothing failed');
  }

  it.each([
    ['hls/bad-key', () => bench.origin.put('/e/key.bin', key.subarray(0, 15))],
    ['hls/bad-key', () => bench.origin.put('/e/key.bin', '<!doctype html><p>log in</p>', 'text/html')],
    ['hls/key-missing', () => bench.origin.configure({ fault: 'status', faultStatus: 404, faultPath: 'key.bin', faultEvery: 1 })],
    ['hls/bad-ciphertext', () => bench.origin.put('/e/key.bin', otherKey)],
  ])('fail typed without telling the key: %s', async (code, spoil) => {
    putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    spoil();
    const error = await failureOf();
    expect(error.code).toBe(code);
    expect(`${String(error)} ${JSON.stringify(bench.events)}`).not.toMatch(/secret|00112233|ffeeddcc/iu);
    expect((await bench.files()).filter((file) => /\/segments\/[^.]+\.ts$/u.test(file))).toEqual([]);
  });

  it('fail typed when their processor throws', async () => {
    putEncrypted([tag, '#EXTINF:4,', 's0.ts'], [{ key, iv }]);
    const keyProcessor = (bytes: Uint8Array): never => {
      throw new Error(`cannot unwrap ${Buffer.from(bytes).toString('hex')}`);
    };
    const error = await failureOf({ keyProcessor });
    expect(error.code).toBe('hls/bad-key');
    expect(String(error)).not.toMatch(/secret|00112233/u);
  });
});
