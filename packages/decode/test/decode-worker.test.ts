import binaryen from 'binaryen';
import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DecodeError } from '../src/decode-error.ts';
import type { DecodeSpec } from '../src/decode-spec.ts';
import type { DecodeStream } from '../src/decode-stream.ts';
import { DecodeWorker } from '../src/decode-worker.ts';
import { Gate, type GateOptions } from './gate.ts';
import { frameIndexOf, indexWav } from './index-wav.ts';

const FRAMES = 200_000;
const WAV = indexWav({ frameCount: FRAMES });
const byteOfFrame = (frame: number): number => 44 + 4 * frame;

/** Shared by the tests that leave it alive. */
let worker: DecodeWorker;
let streams: DecodeStream[] = [];
beforeAll(() => {
  worker = DecodeWorker.start({ ringSeconds: 0.5 });
});
afterEach(async () => {
  await Promise.all(streams.map(async (stream) => stream.close()));
  streams = [];
});
afterAll(async () => {
  await worker.close();
});

function gate(options: GateOptions = {}, wav = WAV): Gate {
  return new Gate(wav, worker.doorbell, options);
}

async function open(spec: DecodeSpec, options: { readonly signal?: AbortSignal } = {}): Promise<DecodeStream> {
  const stream = await worker.open(spec, options);
  streams.push(stream);
  return stream;
}

/** Reads up to `untilFrame` or the end, checking that every frame is the one that its position says. Returns the next. */
async function readIndexed(stream: DecodeStream, fromFrame: number, untilFrame = Infinity): Promise<number> {
  const into = new Float32Array(2 * 4096);
  let expected = fromFrame;
  while (expected < untilFrame) {
    const read = stream.read(into.subarray(0, 2 * Math.min(4096, untilFrame - expected)));
    if (read.kind === 'end') return expected;
    if (read.kind === 'empty') {
      await stream.waitReadable();
      continue;
    }
    expect(read.positionFrames).toBe(expected);
    for (let frame = 0; frame < read.frameCount; frame += 1) {
      if (frameIndexOf(into, frame) !== expected + frame) expect.fail(`frame ${expected + frame} is ${frameIndexOf(into, frame)}`);
    }
    expected += read.frameCount;
  }
  return expected;
}

/** Ends with the error that the stream throws after its last frame. */
async function readToError(
  stream: DecodeStream,
  fromFrame: number,
): Promise<{ readonly error: unknown; readonly nextFrame: number }> {
  let nextFrame = fromFrame;
  try {
    for (;;) {
      await stream.waitReadable();
      nextFrame = await readIndexed(stream, nextFrame, nextFrame + 1);
    }
  } catch (error) {
    return { error, nextFrame };
  }
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('reading', () => {
  test('gives every frame once, in order and at its position, then the end', async () => {
    const stream = await open(gate().spec);
    expect(stream.info).toMatchObject({ sampleRate: 44_100, channelCount: 2, durationFrames: FRAMES });
    expect(await readIndexed(stream, 0)).toBe(FRAMES);
    expect(stream.read(new Float32Array(8))).toEqual({ kind: 'end' });
    expect(stream.lostPackets).toBe(0);
  });

  test('begins at startFrame', async () => {
    const stream = await open(gate({ startFrame: 123_457 }).spec);
    expect(await readIndexed(stream, 123_457)).toBe(FRAMES);
  });

  test('decodes ahead as far as the ring holds, and no further', async () => {
    const withheld = gate();
    const stream = await open(withheld.spec);
    const capacityFrames = 22_050;
    while (stream.bufferedFrames < capacityFrames) await setImmediate();
    expect(withheld.furthestByte).toBeLessThan(byteOfFrame(capacityFrames) + 200_000);
    expect(await readIndexed(stream, 0)).toBe(FRAMES);
  });

  test('a worker that waits for bytes goes on when they come', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(50_000) });
    const stream = await open(withheld.spec);
    const reading = readIndexed(stream, 0, 60_000);
    await withheld.reached();
    withheld.release(WAV.length);
    expect(await reading).toBe(60_000);
  });

  test('an aborted wait rejects with the reason and the stream goes on', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(10_000) });
    const stream = await open(withheld.spec);
    const controller = new AbortController();
    await withheld.reached();
    while (stream.bufferedFrames > 0) stream.read(new Float32Array(2000));
    const waiting = rejectionOf(stream.waitReadable({ signal: controller.signal }));
    controller.abort(new Error('enough'));
    expect(await waiting).toBe(controller.signal.reason);
    withheld.release(WAV.length);
    await expect(stream.waitReadable()).resolves.toBeUndefined();
  });
});

describe('seeking', () => {
  test('drops what was decoded and lands on the frame, forwards, backwards and after the end', async () => {
    const stream = await open(gate().spec);
    await readIndexed(stream, 0, 1000);
    expect(await stream.seek(150_001)).toBe(150_001);
    expect(await readIndexed(stream, 150_001, 151_000)).toBe(151_000);
    expect(await stream.seek(7)).toBe(7);
    expect(await readIndexed(stream, 7)).toBe(FRAMES);
    expect(await stream.seek(199_990)).toBe(199_990);
    expect(await readIndexed(stream, 199_990)).toBe(FRAMES);
  });

  test('no old frame is seen after the call, even before it lands', async () => {
    const stream = await open(gate().spec);
    await stream.waitReadable();
    const landing = stream.seek(100_000);
    await stream.waitReadable();
    expect(await readIndexed(stream, 100_000, 100_500)).toBe(100_500);
    expect(await landing).toBe(100_000);
  });

  test('interrupts a read that waits for bytes', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(100_000) });
    const stream = await open(withheld.spec);
    expect(await readIndexed(stream, 0, 90_000)).toBe(90_000);
    await withheld.reached();
    expect(await stream.seek(5)).toBe(5);
    expect(await readIndexed(stream, 5, 50_000)).toBe(50_000);
  });

  test('a later seek takes the place of an earlier one that waits for bytes', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(100_000) });
    const stream = await open(withheld.spec);
    const first = rejectionOf(stream.seek(190_000));
    await withheld.reached();
    expect(await stream.seek(20_000)).toBe(20_000);
    expect(await first).toMatchObject({ code: 'decode/interrupted' });
    expect(await readIndexed(stream, 20_000, 30_000)).toBe(30_000);
  });

  test('many seeks at once end at the last', async () => {
    const stream = await open(gate().spec);
    const seeks = Array.from({ length: 100 }, (_, index) => rejectionOf(stream.seek(1000 * index)));
    expect((await Promise.all(seeks)).at(-1)).toBeUndefined();
    expect(await readIndexed(stream, 99_000, 100_000)).toBe(100_000);
  });

  test('a source that goes forward only refuses, and plays on', async () => {
    const stream = await open(gate({ hidesLength: true }).spec);
    expect(await readIndexed(stream, 0, 500)).toBe(500);
    expect(await rejectionOf(stream.seek(0))).toMatchObject({ code: 'decode/not-seekable' });
    expect(await readIndexed(stream, 500)).toBe(FRAMES);
  });
});

describe('closing', () => {
  test('a stream that waits for bytes closes; its source is closed by then, and the next stream plays', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(8000) });
    const stream = await open(withheld.spec);
    await withheld.reached();
    const waiting = readToError(stream, 0);
    await stream.close();
    expect(withheld.isClosed).toBe(true);
    expect((await waiting).error).toMatchObject({ code: 'decode/closed' });
    expect(() => stream.read(new Float32Array(2))).toThrow(DecodeError);
    await stream.close();
    const next = await open(gate().spec);
    expect(await readIndexed(next, 0)).toBe(FRAMES);
  });

  test('a worker that waits for bytes stops', async () => {
    await using own = DecodeWorker.start();
    const withheld = new Gate(WAV, own.doorbell, { releasedBytes: byteOfFrame(8000) });
    const stream = await own.open(withheld.spec);
    await withheld.reached();
    const seeking = rejectionOf(stream.seek(100_000));
    await own.close();
    expect(withheld.isClosed).toBe(true);
    expect(await seeking).toMatchObject({ code: 'decode/closed' });
    expect(await rejectionOf(own.open(new Gate(WAV, own.doorbell).spec))).toMatchObject({ code: 'decode/closed' });
    await stream.close();
  });

  test.each(['none', 'never-settles'] as const)(
    'aborting an open that waits (%s) rejects with the reason once the source is given up',
    async (misbehaviour) => {
      const withheld = gate({ releasedBytes: 0, misbehaviour });
      const controller = new AbortController();
      const opening = rejectionOf(open(withheld.spec, { signal: controller.signal }));
      await withheld.reached();
      controller.abort();
      expect(await opening).toBe(controller.signal.reason);
      expect(withheld.isClosed).toBe(misbehaviour === 'none');
      const next = await open(gate().spec);
      expect(await readIndexed(next, 0, 100)).toBe(100);
    },
  );

  test('a worker whose reader never settles stops', async () => {
    await using own = DecodeWorker.start();
    const withheld = new Gate(WAV, own.doorbell, { misbehaviour: 'never-settles' });
    const opening = rejectionOf(own.open(withheld.spec));
    await withheld.reached();
    await own.close();
    expect(await opening).toMatchObject({ code: 'decode/closed' });
  });
});

describe('several streams', () => {
  test('the second is opened when the first was decoded to its end, while that is still being read', async () => {
    const short = indexWav({ frameCount: 5000 });
    const withheld = gate({ releasedBytes: byteOfFrame(4000) }, short);
    const first = await open(withheld.spec);
    const second = gate();
    const opening = open(second.spec);
    await withheld.reached();
    expect(second.furthestByte).toBe(0);
    withheld.release(short.length);
    const next = await opening;
    expect(first.bufferedFrames).toBe(5000);
    expect(await readIndexed(first, 0)).toBe(5000);
    expect(await readIndexed(next, 0)).toBe(FRAMES);
  });

  test('a third waits until one of two is closed', async () => {
    const short = indexWav({ frameCount: 100 });
    const first = await open(gate({}, short).spec);
    const second = await open(gate({}, short).spec);
    const third = gate({}, short);
    const opening = open(third.spec);
    expect(await readIndexed(second, 0)).toBe(100);
    // The answer to a seek comes after everything that the worker would have done before it.
    await second.seek(0);
    expect(third.furthestByte).toBe(0);
    await first.close();
    expect(await readIndexed(await opening, 0)).toBe(100);
  });

  test('a stream that fails makes way for the next', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(8000) });
    await open(withheld.spec);
    const opening = open(gate().spec);
    await withheld.reached();
    withheld.fail();
    expect(await readIndexed(await opening, 0)).toBe(FRAMES);
  });

  test('one that is not open yet closes at once', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(8000) });
    await open(withheld.spec);
    const controller = new AbortController();
    const opening = rejectionOf(open(gate().spec, { signal: controller.signal }));
    await withheld.reached();
    controller.abort();
    expect(await opening).toBe(controller.signal.reason);
  });
});

describe('failing', () => {
  test('an error of the source comes after the frames before it, with name, code, context and cause', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(5000) });
    const stream = await open(withheld.spec);
    await withheld.reached();
    withheld.fail();
    const { error, nextFrame } = await readToError(stream, 0);
    expect(nextFrame).toBeGreaterThan(2000);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'GateError',
      code: 'gate/refused',
      message: 'read: refused',
      positionBytes: 1234,
      range: { start: 1, end: 2 },
    });
    expect((error as Error).cause).toMatchObject({ name: 'TypeError', message: 'underneath' });
    expect(withheld.isClosed).toBe(true);
    expect(await rejectionOf(stream.seek(0))).toBe(error);
    await stream.close();
  });

  test('an error of the source while a seek waits for bytes rejects the seek and fails the stream', async () => {
    const withheld = gate({ releasedBytes: byteOfFrame(50_000) });
    const stream = await open(withheld.spec);
    const seeking = rejectionOf(stream.seek(150_000));
    await withheld.reached();
    withheld.fail();
    expect(await seeking).toMatchObject({ name: 'GateError', code: 'gate/refused' });
    expect(await readToError(stream, 0)).toMatchObject({ error: { code: 'gate/refused' }, nextFrame: 0 });
  });

  test.each([
    ['throws', { name: 'GateError', code: 'gate/refused', message: 'open: refused' }],
    ['rejects', { name: 'GateError', code: 'gate/refused', message: 'open: refused later' }],
    ['gives-nothing', { name: 'DecodeError', code: 'decode/source' }],
    ['throws-text', { name: 'DecodeError', code: 'decode/source', message: expect.stringContaining('just text') }],
  ] as const)('a reader module that %s fails the open, typed, and not the worker', async (misbehaviour, expected) => {
    const error = await rejectionOf(open(gate({ misbehaviour }).spec));
    expect(error).toMatchObject(expected);
    expect(error instanceof DecodeError).toBe(expected.name === 'DecodeError');
    const stream = await open(gate().spec);
    expect(await readIndexed(stream, 0, 100)).toBe(100);
  });

  test.each([
    ['is not there', './no-such-reader.ts'],
    ['exports no createByteSource', './index-wav.ts'],
  ])('a reader module that %s is a source error', async (_, name) => {
    const spec = { readerModule: new URL(name, import.meta.url), readerData: undefined };
    expect(await rejectionOf(open(spec))).toMatchObject({
      code: 'decode/source',
      message: expect.stringContaining('import reader'),
    });
  });

  test('bytes that are not media fail the open and close the source', async () => {
    const html = gate({ hint: {} }, Buffer.from('<!doctype html><p>not here'.repeat(100)));
    expect(await rejectionOf(open(html.spec))).toMatchObject({ name: 'DecodeError', code: 'decode/not-media' });
    expect(html.isClosed).toBe(true);
  });

  test('reader data that cannot be cloned is refused', async () => {
    const spec = { readerModule: new URL('./gated-reader.ts', import.meta.url), readerData: () => undefined };
    expect(await rejectionOf(open(spec))).toMatchObject({ name: 'DataCloneError' });
    expect(await readIndexed(await open(gate().spec), 0, 10)).toBe(10);
  });

  test('a thread that ends by itself fails every stream after its last frame, typed', async () => {
    await using own = DecodeWorker.start();
    const withheld = new Gate(WAV, own.doorbell, { releasedBytes: byteOfFrame(5000) });
    const stream = await own.open(withheld.spec);
    const opening = rejectionOf(own.open(new Gate(WAV, own.doorbell).spec));
    await withheld.reached();
    withheld.endThread();
    expect(await opening).toMatchObject({ name: 'DecodeError', code: 'decode/trap' });
    const { error, nextFrame } = await readToError(stream, 0);
    expect(nextFrame).toBeGreaterThan(2000);
    expect(error).toMatchObject({ name: 'DecodeError', code: 'decode/trap' });
    await stream.close();
    expect(await rejectionOf(own.open(new Gate(WAV, own.doorbell).spec))).toMatchObject({ code: 'decode/trap' });
  });

  test('a trap fails its own stream, and the next gets a fresh instance', async () => {
    const module = await WebAssembly.compile(moduleThatTrapsOnSecondDecode());
    await using trapping = DecodeWorker.start({ module });
    const openTrapping = async (): Promise<DecodeStream> => trapping.open(new Gate(WAV, trapping.doorbell).spec);
    for (const stream of [await openTrapping(), await openTrapping()]) {
      const { error, nextFrame } = await readToError(stream, 0);
      expect(nextFrame).toBe(1);
      expect(error).toMatchObject({ name: 'DecodeError', code: 'decode/trap' });
    }
  });
});

/** A decoder module with the real one's exports: opens anything, gives one frame of silence, then traps. */
function moduleThatTrapsOnSecondDecode(): Uint8Array<ArrayBuffer> {
  const description = JSON.stringify({
    codec: 'pcm',
    container: 'wav',
    sampleRate: 44_100,
    channelCount: 2,
    trimStartFrames: 0,
    trimEndFrames: 0,
    tags: {},
  });
  const text = `(module
    (memory (export "memory") 1)
    (global $decoded (mut i32) (i32.const 0))
    (data (i32.const 64) "${description.replaceAll('"', String.raw`\22`)}")
    (func (export "open") (result i32) (i32.const 0))
    (func (export "decode") (result i32)
      (if (global.get $decoded) (then (unreachable)))
      (global.set $decoded (i32.const 1))
      (i32.const 1))
    (func (export "seek") (param f64) (result f64) (local.get 0))
    (func (export "samples") (result i32) (i32.const 0))
    (func (export "position") (result f64) (f64.const 0))
    (func (export "lost") (result i32) (i32.const 0))
    (func (export "text") (result i32) (i32.const 64))
    (func (export "text_length") (result i32) (i32.const ${description.length})))`;
  return new Uint8Array(binaryen.parseText(text).emitBinary());
}
