import { readdirSync, readlinkSync } from 'node:fs';
import { createHttpClient, NetError, type HttpClient } from '@tutti/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSource, type FileSource, type FillOptions, type FillProgress, type FillReport } from '../src/index.ts';
import { ReadingThread } from './reading-thread.ts';
import { difference, nextEvent, onlySpan, provenance, SourceBench } from './source-bench.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const size = 6 * MiB + 123;
const file = provenance(size);

let bench: SourceBench;

const fill = (source: FileSource, options: FillOptions): Promise<FillReport> => source.fill(options);

beforeEach(async () => {
  bench = await SourceBench.start();
  bench.origin.put('/a.flac', file, 'audio/flac');
});

afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** What this process holds open below the cache directory. */
function openDescriptors(): readonly string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => readlink(`/proc/self/fd/${fd}`))
    .filter((path) => path.startsWith(bench.root))
    .toSorted();
}

function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

describe('demand', () => {
  it('fetches little more than what was read, until it is told to fill', async () => {
    const source = await bench.open('/a.flac');
    const { length, thread } = await bench.read(source);
    expect(length).toBe(size);
    expect(difference(await thread.read(0, 32 * KiB), file.subarray(0, 32 * KiB))).toBeUndefined();
    expect(bench.origin.sentBytes).toBeLessThanOrEqual(128 * KiB);
    expect(source.isComplete).toBe(false);
  });

  it('fetches every byte once when the file is read from front to end', async () => {
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    const complete = nextEvent(source, 'complete');
    expect(difference(await thread.drain(), file)).toBeUndefined();
    await complete;
    expect(bench.origin.sentBytes).toBe(size);
    expect(source.counters).toEqual({ networkBytes: size, cachedBytes: 0, requestCount: bench.origin.requests.length });
    // 128 KiB, doubling to 2 MiB, then refilled by halves.
    expect(bench.origin.requests.length).toBeLessThan(16);
  });

  it('fetches where a seek lands and not what lies between', async () => {
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    const target = Math.floor(size * 0.9);
    expect(difference(await thread.read(target, 1000), file.subarray(target, target + 1000))).toBeUndefined();
    expect(bench.origin.sentBytes).toBeLessThanOrEqual(2 * 128 * KiB);
    expect(bench.origin.requests.map(({ range }) => range)).toEqual([
      `bytes=0-${128 * KiB - 1}`,
      `bytes=${target}-${target + 128 * KiB - 1}`,
    ]);
  });

  it('plays to the end over a hole that nobody has asked for', async () => {
    const source = await bench.open('/a.flac', { fill: 'demand' });
    const { thread } = await bench.read(source);
    expect(difference(await thread.drain(5 * MiB), file.subarray(5 * MiB))).toBeUndefined();
    expect(source.isComplete).toBe(false);
  });

  it('blocks a reader at a withheld body and wakes it when the body goes on', async () => {
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    await thread.read(0, 100);
    const gate = bench.origin.gate('/a.flac', 1000);
    const buffering = nextEvent(source, 'buffering');
    const playing = nextEvent(source, 'playing');
    const read = thread.read(3 * MiB + 1000, 500);
    await gate.reached();
    expect(await buffering).toMatchObject({ positionBytes: 3 * MiB + 1000 });
    gate.release();
    expect(difference(await read, file.subarray(3 * MiB + 1000, 3 * MiB + 1500))).toBeUndefined();
    await playing;
  });

  it('leaves a body that is stuck for the one that is wanted', async () => {
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    using gate = bench.origin.gate('/a.flac', 200 * KiB);
    source.startFill();
    await gate.reached();
    expect(difference(await thread.read(5 * MiB, 1000), file.subarray(5 * MiB, 5 * MiB + 1000))).toBeUndefined();
  });
});

describe('several readers', () => {
  it('share one download', async () => {
    const [first, second] = await Promise.all([bench.open('/a.flac'), bench.open('/a.flac')]);
    const threads = await Promise.all([bench.read(first), bench.read(second)]);
    const drained = await Promise.all(threads.map(({ thread }) => thread.drain()));
    expect(drained.map((bytes) => difference(bytes, file))).toEqual([undefined, undefined]);
    expect(bench.origin.sentBytes).toBe(size);
    expect(first.counters.networkBytes + second.counters.networkBytes).toBe(size);
  });

  it('are served at different places at once, byte-exact', async () => {
    const source = await bench.open('/a.flac');
    const threads = await Promise.all([bench.read(source), bench.read(source)]);
    const [front, back] = await Promise.all([threads[0].thread.drain(0), threads[1].thread.drain(4 * MiB)]);
    expect(difference(front, file)).toBeUndefined();
    expect(difference(back, file.subarray(4 * MiB))).toBeUndefined();
  });

  it('go on when the source that began the download is closed', async () => {
    const first = await bench.open('/a.flac');
    const second = await bench.open('/a.flac');
    const { thread } = await bench.read(second);
    await first.close();
    expect(difference(await thread.drain(), file)).toBeUndefined();
  });
});

describe('filling', () => {
  it('makes the file complete in the background once it is told to', async () => {
    const source = await bench.open('/a.flac');
    const complete = nextEvent(source, 'complete');
    source.startFill();
    await complete;
    expect(bench.origin.sentBytes).toBe(size);
  });

  it('does not fill a source that was opened for demand only', async () => {
    const source = await bench.open('/a.flac', { fill: 'demand' });
    source.startFill();
    await source.sniff();
    expect(bench.origin.sentBytes).toBeLessThanOrEqual(128 * KiB);
  });

  it('lets demand interrupt it', async () => {
    bench.origin.configure({ bytesPerSecond: 4 * MiB });
    const source = await bench.open('/a.flac');
    source.startFill();
    const { thread } = await bench.read(source);
    expect(difference(await thread.read(5 * MiB, 1000), file.subarray(5 * MiB, 5 * MiB + 1000))).toBeUndefined();
    expect(bench.origin.sentBytes).toBeLessThan(3 * MiB);
  });

  it('rests when the network goes away while nobody waits, and goes on after a reader was served again', async () => {
    let isDown = false;
    const failed = Promise.withResolvers<void>();
    const open: HttpClient['open'] = async (request, options) => {
      if (!isDown) return bench.client.open(request, options);
      failed.resolve();
      throw new NetError('net/connect-failed', 'GET a.flac: no route', { url: 'a.flac' });
    };
    const client: HttpClient = new Proxy(bench.client, {
      get: (target, name) => (name === 'open' ? open : Reflect.get(target, name)),
    });
    const source = await bench.open('/a.flac', { client });
    const complete = nextEvent(source, 'complete');
    const { thread } = await bench.read(source);
    isDown = true;
    source.startFill();
    await failed.promise;
    isDown = false;
    expect(difference(await thread.read(3 * MiB, 1000), file.subarray(3 * MiB, 3 * MiB + 1000))).toBeUndefined();
    await complete;
  });

  it('reports progress and completeness', async () => {
    const source = await bench.open('/a.flac');
    const progress: number[] = [];
    const onProgress = ({ doneBytes }: FillProgress): void => void progress.push(doneBytes);
    const report = await fill(source, { onProgress });
    expect(report).toEqual({
      doneBytes: size,
      totalBytes: size,
      doneResources: 1,
      totalResources: 1,
      isComplete: true,
      missing: [],
    });
    expect(progress.at(-1)).toBe(size);
    expect(progress).toEqual(progress.toSorted((left, right) => left - right));
  });

  it('fetches at closing the little that a file played to its end lacks', async () => {
    const source = await bench.open('/a.flac');
    const { reader, thread } = await bench.read(source);
    await thread.read(0, 1000);
    await thread.drain(1 * MiB);
    await thread.close();
    await reader.release();
    await source.close();
    expect((await bench.open('/a.flac')).isComplete).toBe(true);
  });
});

describe('the cache', () => {
  it('plays a complete file byte-identically with the origin gone and no client', async () => {
    const source = await bench.open('/a.flac');
    await source.fill();
    await source.close();
    await bench.origin.stop();
    bench.origin.resetLog();
    for (const client of [undefined, bench.client]) {
      const offline = await bench.open('/a.flac', { client });
      const { thread } = await bench.read(offline);
      expect(difference(await thread.drain(), file)).toBeUndefined();
      expect(offline.counters).toEqual({ networkBytes: 0, cachedBytes: size, requestCount: 0 });
      expect((await offline.sniff()).contentType).toBe('audio/flac');
    }
    expect(bench.origin.requests).toEqual([]);
  });

  it('says at once that an incomplete file is not cached when it is offline', async () => {
    await expect(bench.open('/a.flac', { client: undefined })).rejects.toMatchObject({ code: 'assets/not-cached' });
    const source = await bench.open('/a.flac');
    await source.close();
    await expect(bench.open('/a.flac', { isOffline: true })).rejects.toMatchObject({ code: 'assets/not-cached' });
  });

  it('goes on from what an earlier process left', async () => {
    const first = await bench.open('/a.flac');
    const { reader, thread } = await bench.read(first);
    await thread.read(4 * MiB, 1000);
    await thread.close();
    await reader.release();
    await first.close();
    const before = bench.origin.sentBytes;
    await bench.reopenStore();
    const second = await bench.open('/a.flac');
    expect(second.counters.cachedBytes).toBe(before);
    await second.fill();
    expect(bench.origin.sentBytes).toBe(size);
    const reading = await bench.read(second);
    expect(difference(await reading.thread.drain(), file)).toBeUndefined();
  });

  it('begins anew when the origin has another version than the one that was begun', async () => {
    const first = await bench.open('/a.flac');
    await first.close();
    const changed = provenance(size + 1000).subarray(1000);
    bench.origin.put('/a.flac', changed, 'audio/flac');
    const second = await bench.open('/a.flac');
    const { thread } = await bench.read(second);
    expect(difference(await thread.drain(), changed)).toBeUndefined();
  });

  it('fails typed, and splices nothing, when the version changes while it plays; the next opening works', async () => {
    const first = await bench.open('/a.flac');
    const { thread, reader } = await bench.read(first);
    await thread.read(0, 1000);
    const changed = provenance(size + 1000).subarray(1000);
    bench.origin.put('/a.flac', changed, 'audio/flac');
    await expect(thread.drain()).rejects.toMatchObject({ code: 'net/representation-changed' });
    await thread.close();
    await reader.release();
    await first.close();
    const second = await bench.open('/a.flac');
    expect(difference(await (await bench.read(second)).thread.drain(), changed)).toBeUndefined();
  });
});

describe('a server', () => {
  it('that ignores ranges is read from the front, once, and the source says so', async () => {
    bench.origin.configure({ ignoresRanges: true });
    const source = await bench.open('/a.flac');
    const ignored = nextEvent(source, 'ranges-ignored');
    expect(await onlySpan(source)).toMatchObject({ isSeekable: false });
    const { length, thread } = await bench.read(source);
    expect(length).toBeUndefined();
    await ignored;
    expect(difference(await thread.drain(), file)).toBeUndefined();
    await source.fill();
    expect(source.isComplete).toBe(true);
    // The first asked for a range; whether that body goes on to the end is the client's affair.
    expect(bench.origin.requests.length).toBeLessThanOrEqual(2);
  });

  it('that ignores ranges still lets an MP4 be read anywhere, whose index may be at its end', async () => {
    const mp4 = Uint8Array.from(file);
    mp4.set(new TextEncoder().encode('ftyp'), 4);
    bench.origin.put('/a.m4a', mp4, 'audio/mp4');
    bench.origin.configure({ ignoresRanges: true });
    const source = await bench.open('/a.m4a');
    const { length, thread } = await bench.read(source);
    expect(length).toBe(size);
    expect(difference(await thread.read(size - 1000, 1000), mp4.subarray(size - 1000))).toBeUndefined();
  });

  it('that ignores ranges is held up while nobody reads', async () => {
    bench.origin.put('/b.flac', provenance(40 * MiB), 'audio/flac');
    bench.origin.configure({ ignoresRanges: true });
    const source = await bench.open('/b.flac');
    const { thread } = await bench.read(source);
    await thread.read(0, 1000);
    // More than the window and what sockets hold, far less than the file.
    expect(source.counters.networkBytes).toBeLessThan(8 * MiB);
  });

  it('that hides the length is read to the end that it proves by ending', async () => {
    bench.origin.configure({ hidesLength: true });
    const source = await bench.open('/a.flac');
    expect(await onlySpan(source)).toMatchObject({ isSeekable: false });
    const { length, thread } = await bench.read(source);
    expect(length).toBeUndefined();
    expect(difference(await thread.drain(), file)).toBeUndefined();
    await source.fill();
    expect(source).toMatchObject({ isComplete: true, lengthBytes: size });
  });

  it('that hides the length of a file that ends where the first request did proves it too', async () => {
    bench.origin.put('/b.flac', file.subarray(0, 128 * KiB), 'audio/flac');
    bench.origin.configure({ hidesLength: true });
    const source = await bench.open('/b.flac');
    await source.fill();
    expect(source).toMatchObject({ isComplete: true, lengthBytes: 128 * KiB });
  });

  it.each(['reset', 'truncate'] as const)('whose bodies break off (%s) costs no byte', async (fault) => {
    bench.origin.configure({ fault, faultEvery: 2, faultAfterBytes: 50_000 });
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    expect(difference(await thread.drain(), file)).toBeUndefined();
  });

  it('without any validator is read in one go, and its partial files are begun anew', async () => {
    bench.origin.configure({ hasNoValidator: true });
    const first = await bench.open('/a.flac');
    await first.close();
    const second = await bench.open('/a.flac');
    expect(second.counters.cachedBytes).toBe(0);
    expect(difference(await (await bench.read(second)).thread.drain(), file)).toBeUndefined();
  });
});

describe('failures', () => {
  it('are typed at opening, and leave no file behind', async () => {
    bench.origin.put('/empty.mp3', new Uint8Array(), 'audio/mpeg');
    bench.origin.put('/page.mp3', '<!doctype html><title>Sign in</title>', 'text/html');
    await expect(bench.open('/none.mp3')).rejects.toMatchObject({ code: 'net/not-found' });
    await expect(bench.open('/empty.mp3')).rejects.toMatchObject({ code: 'stream/empty' });
    await expect(bench.open('/page.mp3')).rejects.toMatchObject({ code: 'net/unexpected-html' });
    for (const summary of await bench.store.list()) expect(summary).toMatchObject({ partialCount: 0, resourceCount: 0 });
  });

  it('of an empty file whose length is hidden are the same', async () => {
    bench.origin.put('/empty.mp3', new Uint8Array(), 'audio/mpeg');
    bench.origin.configure({ hidesLength: true });
    await expect(bench.open('/empty.mp3')).rejects.toMatchObject({ code: 'stream/empty' });
  });

  it('reach a reader that waits, with the code of the network', async () => {
    const source = await bench.open('/a.flac');
    const { thread } = await bench.read(source);
    await thread.read(0, 1000);
    bench.origin.configure({ fault: 'status', faultEvery: 1, faultStatus: 404 });
    await expect(thread.read(3 * MiB, 10)).rejects.toMatchObject({ code: 'net/not-found', name: 'NetError' });
    expect(difference(await thread.read(10, 10), file.subarray(10, 20))).toBeUndefined();
  });

  it('end a fill', async () => {
    const source = await bench.open('/a.flac');
    bench.origin.configure({ fault: 'status', faultEvery: 1, faultStatus: 403 });
    await expect(source.fill()).rejects.toMatchObject({ code: 'net/forbidden' });
  });
});

describe('abort and close', () => {
  it('an opening whose body never brings a byte rejects, for all who open, and leaves no file', async () => {
    bench.origin.configure({ fault: 'truncate', faultEvery: 1, faultAfterBytes: 0 });
    await using client = createHttpClient({ retry: { maxRetries: 1, baseMs: 1 } });
    const openings = [bench.open('/a.flac', { client }), bench.open('/a.flac', { client })];
    for (const opening of openings) await expect(opening).rejects.toMatchObject({ code: 'net/body-too-short' });
    bench.origin.configure({ fault: 'none' });
    const names = readdirSync(bench.root, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /a.*flac/.test(name))).toEqual([]);
    expect((await fill(await bench.open('/a.flac'), {})).isComplete).toBe(true);
  });

  it('an aborted opening rejects with the reason and leaves nothing in use', async () => {
    using gate = bench.origin.gate('/a.flac', 0);
    const controller = new AbortController();
    const opening = bench.open('/a.flac', { signal: controller.signal });
    await gate.reached();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(opening).rejects.toBe(reason);
  });

  it('an aborted fill keeps what was fetched and the source usable', async () => {
    const source = await bench.open('/a.flac');
    using gate = bench.origin.gate('/a.flac', 1000);
    const controller = new AbortController();
    const filling = fill(source, { signal: controller.signal });
    await gate.reached();
    const reason = new Error('enough');
    controller.abort(reason);
    await expect(filling).rejects.toBe(reason);
    gate.release();
    const { thread } = await bench.read(source);
    expect(difference(await thread.drain(), file)).toBeUndefined();
  });

  it.skipIf(process.platform !== 'linux')('nothing stays open: not a descriptor, not a want, not the asset', async () => {
    const url = bench.origin.url('/a.flac');
    const before = openDescriptors();
    await using client = createHttpClient();
    const asset = await bench.store.asset(url);
    const source = await openFileSource({ url, asset, client });
    await using thread = new ReadingThread();
    const reader = (await onlySpan(source)).openReader(thread.doorbell);
    await thread.open(reader);
    await thread.read(3 * MiB, 1000);
    await thread.close();
    await reader.release();
    await source.close();
    await asset.close();
    await client.close();
    await expect.poll(openDescriptors).toEqual(before);
    await bench.store.remove(url);
  });

  it('a closed source is typed as such, and closing twice is closing once', async () => {
    const source = await bench.open('/a.flac');
    await source.close();
    await source.close();
    await expect(source.sniff()).rejects.toMatchObject({ code: 'stream/closed' });
    await expect(source.fill()).rejects.toMatchObject({ code: 'stream/closed' });
  });
});

describe('sniff', () => {
  it('gives the type and the first bytes, fewer of a shorter file', async () => {
    bench.origin.put('/list', '#EXTM3U\n', 'audio/mpegurl');
    const { contentType, head } = await (await bench.open('/list')).sniff();
    expect({ contentType, text: new TextDecoder().decode(head) }).toEqual({ contentType: 'audio/mpegurl', text: '#EXTM3U\n' });
    expect(difference((await (await bench.open('/a.flac')).sniff()).head, file.subarray(0, 1024))).toBeUndefined();
  });
});

describe('bytes', () => {
  it('gives the file in bounded chunks as it arrives', async () => {
    const source = await bench.open('/a.flac');
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.bytes({ chunkBytes: 100_000 })) chunks.push(chunk);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(100_000);
    expect(difference(new Uint8Array(Buffer.concat(chunks)), file)).toBeUndefined();
  });

  it('gives a part without fetching the rest', async () => {
    const source = await bench.open('/a.flac', { fill: 'demand' });
    const chunks: Uint8Array[] = [];
    for await (const chunk of source.bytes({ start: 4 * MiB, end: 4 * MiB + 70_000 })) chunks.push(chunk);
    expect(difference(new Uint8Array(Buffer.concat(chunks)), file.subarray(4 * MiB, 4 * MiB + 70_000))).toBeUndefined();
    expect(bench.origin.sentBytes).toBeLessThanOrEqual(256 * KiB);
  });

  it('ends with the reason when it is aborted', async () => {
    const source = await bench.open('/a.flac');
    const controller = new AbortController();
    const reason = new Error('enough');
    const reading = (async () => {
      for await (const _ of source.bytes({ signal: controller.signal })) controller.abort(reason);
    })();
    await expect(reading).rejects.toBe(reason);
  });
});
