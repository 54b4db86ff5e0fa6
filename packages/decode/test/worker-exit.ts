/** Process of the worker-exit test: plays a little, then ends in the way that its argument says. */
import { DecodeWorker } from '../src/decode-worker.ts';
import { Gate } from './gate.ts';
import { indexWav } from './index-wav.ts';

const worker = DecodeWorker.start();
const gate = new Gate(indexWav({ frameCount: 500_000 }), worker.doorbell, { releasedBytes: 100_000 });
const stream = await worker.open(gate.spec);
await stream.waitReadable();
// Waiting for a test's own word in shared memory keeps no process alive.
const alive = setInterval(() => undefined, 1000);
await gate.reached();
clearInterval(alive);

switch (process.argv[2] as 'close' | 'close-worker-only' | 'forget') {
  case 'close':
    await stream.close();
    await worker.close();
    break;
  case 'close-worker-only':
    await worker.close();
    break;
  case 'forget':
    break;
}
console.log('main is done');
