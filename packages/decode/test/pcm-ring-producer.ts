/** Thread of the ring's two-thread test: writes frames that hold their own index, in chunks of uneven length. */
import { workerData } from 'node:worker_threads';
import { PcmRingProducer } from '../src/pcm-ring.ts';

interface Setup {
  readonly buffer: SharedArrayBuffer;
  readonly doorbell: SharedArrayBuffer;
  readonly total: number;
  readonly channelCount: number;
}

const { buffer, doorbell, total, channelCount } = workerData as Setup;
const bell = new Int32Array(doorbell);
const producer = new PcmRingProducer(buffer);

for (let position = 0, length = 1; position < total; length = (length * 7 + 3) % 1153) {
  if (position % 10_000 === 5) position += 1;
  const gap = 10_000 - ((position + 9_995) % 10_000);
  const frameCount = Math.min(length + 1, total - position, gap);
  let rest = new Float32Array(frameCount * channelCount);
  for (let frame = 0; frame < frameCount; frame += 1) rest.set([position + frame, -(position + frame)], frame * channelCount);
  while (rest.length > 0) {
    const seen = Atomics.load(bell, 0);
    const written = producer.write(rest, position);
    position += written;
    rest = rest.subarray(written * channelCount);
    if (rest.length > 0 && producer.requestWake()) Atomics.wait(bell, 0, seen);
  }
}
producer.end();
