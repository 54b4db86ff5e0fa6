import * as fc from 'fast-check';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { allocatePcmRing, MARK_COUNT } from '../src/pcm-ring-layout.ts';
import { PcmRingConsumer, PcmRingProducer } from '../src/pcm-ring.ts';

interface Frame {
  readonly positionFrames: number;
  readonly value: number;
  readonly generation: number;
}

function makeRing(options: { readonly capacityFrames: number; readonly channelCount: number }) {
  const buffer = allocatePcmRing(options);
  const doorbell = new SharedArrayBuffer(4);
  return { producer: new PcmRingProducer(buffer), consumer: new PcmRingConsumer(buffer, doorbell), bell: new Int32Array(doorbell) };
}

function interleaved(firstValue: number, frameCount: number, channelCount: number): Float32Array {
  return Float32Array.from(
    { length: frameCount * channelCount },
    (_, index) => firstValue + Math.floor(index / channelCount) + (index % channelCount) / 8,
  );
}

const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write' as const), frameCount: fc.nat({ max: 12 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), frameCount: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump' as const), toFrame: fc.nat({ max: 2 ** 40 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('seek' as const), isSeenFirst: fc.boolean(), toFrame: fc.nat({ max: 1000 }) }),
  },
);

test('gives back every frame, in order and at its position, whatever is written, read, jumped, ended and sought', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(command, { maxLength: 200 }),
      (capacityFrames, channelCount, commands) => {
        const { producer, consumer } = makeRing({ capacityFrames, channelCount });
        let queue: Frame[] = [];
        let position = 0;
        let value = 0;
        let generation = 0;
        let isEnded = false;
        for (const step of commands) {
          switch (step.kind) {
            case 'write': {
              const room = producer.freeFrames;
              const written = producer.write(interleaved(value, step.frameCount, channelCount), position);
              expect(written).toBe(Math.min(step.frameCount, room));
              for (let index = 0; index < written; index += 1)
                queue.push({ positionFrames: position + index, value: value + index, generation });
              position += written;
              value += written;
              break;
            }
            case 'read': {
              const into = new Float32Array(step.frameCount * channelCount);
              const read = consumer.read(into);
              if (read.kind !== 'pcm') {
                expect(queue).toEqual([]);
                expect(read.kind).toBe(isEnded ? 'end' : 'empty');
                break;
              }
              const taken = queue.splice(0, read.frameCount);
              expect(taken.map((frame) => frame.positionFrames)).toEqual(
                Array.from(taken, (_, index) => read.positionFrames + index),
              );
              expect(into.subarray(0, read.frameCount * channelCount)).toEqual(
                interleaved(taken[0]!.value, taken.length, channelCount),
              );
              const continues = queue[0]?.positionFrames === read.positionFrames + read.frameCount;
              if (read.frameCount < step.frameCount) expect(continues).toBe(false);
              break;
            }
            case 'jump':
              position = step.toFrame;
              break;
            case 'end':
              producer.end();
              isEnded = true;
              break;
            case 'seek':
              generation += 1;
              position = step.toFrame;
              isEnded = false;
              // Either thread may be the first to act on a seek.
              if (step.isSeenFirst) consumer.expectGeneration(generation);
              producer.beginGeneration(generation);
              consumer.expectGeneration(generation);
              queue = [];
          }
          expect(consumer.bufferedFrames).toBe(queue.length);
          expect(consumer.isReadable).toBe(queue.length > 0 || isEnded);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('frames and an end of before a seek are not seen after it', () => {
  const { producer, consumer } = makeRing({ capacityFrames: 8, channelCount: 1 });
  producer.write(interleaved(0, 4, 1), 0);
  producer.end();
  consumer.expectGeneration(1);
  expect(consumer.read(new Float32Array(8))).toEqual({ kind: 'empty' });
  producer.write(interleaved(4, 2, 1), 4);
  expect(consumer.read(new Float32Array(8))).toEqual({ kind: 'empty' });
  producer.beginGeneration(1);
  producer.write(interleaved(70, 2, 1), 500);
  expect(consumer.read(new Float32Array(8))).toEqual({ kind: 'pcm', frameCount: 2, positionFrames: 500 });
  expect(consumer.read(new Float32Array(8))).toEqual({ kind: 'empty' });
});

test('more jumps of position than it can hold make it full, not wrong', () => {
  const { producer, consumer } = makeRing({ capacityFrames: 4 * MARK_COUNT, channelCount: 1 });
  for (let index = 0; index < MARK_COUNT; index += 1) expect(producer.write(Float32Array.of(index), 10 * index)).toBe(1);
  expect(producer.write(Float32Array.of(99), 5)).toBe(0);
  const into = new Float32Array(4);
  for (let index = 0; index < MARK_COUNT; index += 1) {
    expect(consumer.read(into)).toEqual({ kind: 'pcm', frameCount: 1, positionFrames: 10 * index });
    expect(into[0]).toBe(index);
  }
  expect(producer.write(Float32Array.of(99), 5)).toBe(1);
});

test('rings the doorbell only for a producer that waits, once a quarter is free', () => {
  const { producer, consumer, bell } = makeRing({ capacityFrames: 8, channelCount: 1 });
  producer.write(interleaved(0, 8, 1), 0);
  consumer.read(new Float32Array(1));
  expect(bell[0]).toBe(0);
  producer.write(interleaved(8, 1, 1), 8);
  expect(producer.requestWake()).toBe(true);
  consumer.read(new Float32Array(1));
  expect(bell[0]).toBe(0);
  consumer.read(new Float32Array(1));
  expect(bell[0]).toBe(1);
  consumer.read(new Float32Array(1));
  expect(bell[0]).toBe(1);
  expect(producer.requestWake()).toBe(false);
});

test('two threads pass a million frames through a small ring without losing, repeating or misplacing one', async () => {
  const total = 1_000_000;
  const channelCount = 2;
  const buffer = allocatePcmRing({ capacityFrames: 1000, channelCount });
  const doorbell = new SharedArrayBuffer(4);
  const consumer = new PcmRingConsumer(buffer, doorbell);
  const worker = new Worker(new URL('./pcm-ring-producer.ts', import.meta.url), {
    workerData: { buffer, doorbell, total, channelCount },
  });
  const failed = new Promise<never>((_, reject) => worker.once('error', reject));
  const into = new Float32Array(700 * channelCount);
  let expected = 0;
  for (;;) {
    const seen = consumer.published;
    const read = consumer.read(into);
    if (read.kind === 'end') break;
    if (read.kind === 'empty') {
      await Promise.race([consumer.waitPublished(seen), failed]);
      continue;
    }
    // The producer leaves out frame 5 of every 10 000.
    if (expected % 10_000 === 5) expected += 1;
    expect(read.positionFrames).toBe(expected);
    for (let frame = 0; frame < read.frameCount; frame += 1) {
      if (into[frame * channelCount] !== expected + frame || into[frame * channelCount + 1] !== -(expected + frame)) {
        expect.fail(`frame ${expected + frame} holds ${into[frame * channelCount]}`);
      }
    }
    expected += read.frameCount;
  }
  expect(expected).toBe(total);
  await worker.terminate();
});
