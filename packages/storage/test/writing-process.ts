import { setImmediate } from 'node:timers/promises';
import { inspectPartial, openDiskResource } from '../src/index.ts';
import { pattern } from './test-bytes.ts';

/**
 * Writes a resource piece by piece, from its middle on and never all of it, and says again and again how many bytes its
 * sidecar vouches for. Goes on until it is killed.
 */
const [path = '', lengthText = '0'] = process.argv.slice(2);
const length = Number(lengthText);
const resource = await openDiskResource({ path, checkpointBytes: 100_000 });
resource.announce({ validator: '"v1"', totalLength: length, contentType: undefined, transformId: undefined }, length);
const bytes = pattern(0, length);
for (let written = 0; ; written += 20_000) {
  if (written < length - 100_000) {
    const start = (length / 2 + written) % length;
    await resource.writeAt(start, bytes.subarray(start, start + 20_000));
  }
  const vouched = await inspectPartial(path);
  await new Promise((resolve) => process.send?.(vouched?.presentBytes ?? 0, resolve));
  await setImmediate();
}
