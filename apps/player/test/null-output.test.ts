import { describe, expect, test } from 'vitest';
import { localUs } from '@tutti/sync';
import { createNullOutput } from '../src/output/null.ts';

const signal = new AbortController().signal;
const second = new Float32Array(2 * 1000);

/** A null output on a clock that only its own waits move. */
async function openOnFakeClock() {
  const clock = { ms: 0 };
  const output = createNullOutput({
    nowUs: () => localUs(Math.round(clock.ms * 1000)),
    sleep: async (durationMs) => {
      clock.ms += durationMs;
    },
  });
  await output.open({ sampleRate: 1000, channelCount: 2, bitsPerSample: undefined });
  return { clock, output };
}

describe('the null output', () => {
  test('takes two seconds ahead and then keeps real time', async () => {
    const { clock, output } = await openOnFakeClock();
    for (let count = 0; count < 10; count++) {
      await output.waitWritable({ signal });
      await output.write(second);
    }
    expect(clock.ms).toBe(7000);
    await output.drain({ signal });
    expect(clock.ms).toBe(10_000);
    expect(output.underrunCount).toBe(0);
  });

  test('gives back what is not yet due, but for the last moment', async () => {
    const { clock, output } = await openOnFakeClock();
    await output.write(second);
    await output.write(second);
    clock.ms = 500;
    expect(output.queuedFrames).toBe(1500);
    expect(output.revoke()).toBe(1450);
    expect(output.queuedFrames).toBe(50);
  });

  test('counts an interruption when sound comes late, but not after a pause', async () => {
    const { clock, output } = await openOnFakeClock();
    await output.write(second);
    clock.ms = 1500;
    await output.write(second);
    expect(output.underrunCount).toBe(1);
    output.revoke();
    clock.ms = 9000;
    await output.write(second);
    expect(output.underrunCount).toBe(1);
  });

  test('waiting ends with the reason of the abort', async () => {
    const output = createNullOutput();
    await output.open({ sampleRate: 1000, channelCount: 2, bitsPerSample: undefined });
    await output.write(new Float32Array(2 * 100_000));
    const controller = new AbortController();
    const waiting = output.waitWritable({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
