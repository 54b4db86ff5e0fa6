import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDeviceOutput } from '../src/output/device.ts';
import type { Output } from '../src/output/output.ts';
import { OutputError } from '../src/output/output-error.ts';
import { mayHaveSound } from '../src/output/sound-system.ts';

const signal = new AbortController().signal;
const block = new Float32Array(9600 * 2);

describe('the device output on the library’s silent sink', () => {
  let output: Output | undefined;
  beforeAll(async () => {
    try {
      output = await createDeviceOutput({ isSilent: true });
    } catch (error) {
      if (!(error instanceof OutputError) || error.code !== 'output/no-audio-library') throw error;
      console.warn(`SKIPPED: the device output, because ${error.message}`);
    }
  });
  afterAll(async () => {
    await output?.close();
  });

  test('queues two seconds, gives back what is not due, goes on where it cut, and drains', async ({ skip }) => {
    if (output === undefined) return skip('the audio library cannot be loaded here');
    expect(await output.open({ sampleRate: 44_100, channelCount: 1, bitsPerSample: 16 })).toEqual({
      sampleRate: 48_000,
      channelCount: 2,
    });
    for (let count = 0; count < 10; count++) await output.write(block);
    const queued = output.queuedFrames;
    expect(queued).toBeGreaterThan(80_000);
    const revoked = output.revoke();
    expect(revoked).toBeGreaterThan(queued - 48_000);
    expect(output.queuedFrames).toBeLessThanOrEqual(queued - revoked);
    await output.write(block);
    await output.drain({ signal });
    expect(output.queuedFrames).toBe(0);
    expect(output.underrunCount).toBe(0);
  });
});

test('a machine without cards and sound servers is recognised before the audio library is asked', ({ skip }) => {
  if (process.platform !== 'linux') return skip('only Linux is looked at');
  expect(mayHaveSound({ PULSE_SERVER: 'unix:/somewhere' })).toBe(true);
  expect(mayHaveSound({ ALSA_CONFIG_PATH: '/somewhere' })).toBe(true);
});
