/**
 * One node of `npm run bench -- sync`: plays a file from a session time on. Session time is the machine's own monotonic clock, which all
 * processes share: what is measured is everything but the network's map.
 *
 * Prints `ready`, takes `t0Us` as a line on standard input, then prints one status a second as JSON.
 *
 * @module
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setInterval } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createDeviceOutput, createPartyPlayer, openMedia } from '@tutti/player';
import { identityClockMap, localUs, sessionUs } from '@tutti/sync';
import { withFakeRate } from './fake-rate-output.ts';

const { values } = parseArgs({ options: { file: { type: 'string' }, 'fake-rate-ppm': { type: 'string', default: '0' } } });
const file = values.file ?? '';
const fakeRatePpm = Number(values['fake-rate-ppm']);

const player = createPartyPlayer({
  openOutput: async () => {
    const output = await createDeviceOutput();
    return fakeRatePpm === 0 ? output : withFakeRate(output, fakeRatePpm);
  },
});
player.on((event) => process.stdout.write(`${JSON.stringify({ event })}\n`));
player.setClock(identityClockMap(localUs(Number(process.hrtime.bigint() / 1000n))));
const prepared = await player.prepare(
  {
    trackId: 'take',
    hash: 'take',
    open: (signal) => openMedia(file, { cache: () => Promise.reject(new Error('a local file needs no cache')), signal }),
  },
  { frame: 0 },
);
process.stdout.write('ready\n');
const input = createInterface({ input: process.stdin });
const [t0Us] = (await once(input, 'line')) as [string];
player.follow({
  epoch: 1,
  trackId: 'take',
  hash: 'take',
  frame0: 0,
  t0Us: sessionUs(Number(t0Us)),
  rateNum: prepared.sampleRate,
  rateDen: 1,
  state: 'playing',
});
const ended = new AbortController();
input.once('close', () => ended.abort());
try {
  for await (const _ of setInterval(1000, undefined, { signal: ended.signal })) {
    process.stdout.write(`${JSON.stringify({ status: player.status() })}\n`);
  }
} catch (error) {
  if (!ended.signal.aborted) throw error;
}
await player.close();
