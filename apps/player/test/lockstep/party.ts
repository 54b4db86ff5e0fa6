import { identityClockMap, sessionUs, type Timeline } from '@tutti/sync';
import type { PcmTrack } from '../../src/engine/lockstep/track-feed.ts';
import { createPartyPlayer, type PartyPlayerOptions } from '../../src/node/create-party-player.ts';
import type { PartyPlayer, PartyPlayerEvent } from '../../src/node/party-player.ts';
import { noSource } from './signal-track.ts';
import { VirtualOutput, type VirtualOutputOptions } from './virtual-output.ts';
import { VirtualTime } from './virtual-time.ts';

/** One node in virtual time whose clock is the session's. */
export interface VirtualNode extends AsyncDisposable {
  readonly time: VirtualTime;
  readonly output: VirtualOutput;
  readonly player: PartyPlayer;
  readonly events: PartyPlayerEvent[];
  /** The device frame that is heard at a session time, by the device's real clock; whole in a world without noise. */
  frameHeardAt(atUs: number): number;
}

export interface VirtualNodeOptions extends VirtualOutputOptions {
  readonly tracks: Readonly<Record<string, () => PcmTrack>>;
  readonly player?: Partial<PartyPlayerOptions>;
}

/** Opens a node, prepares its tracks at their beginnings and lets it watch its device for two seconds. */
export async function openVirtualNode(options: VirtualNodeOptions): Promise<VirtualNode> {
  const time = new VirtualTime();
  const output = new VirtualOutput(time, options);
  const pcm = Object.values(options.tracks).map((make) => make());
  const player = createPartyPlayer({
    openOutput: async () => output,
    nowUs: () => time.nowUs,
    sleep: time.sleep,
    openTrack: async () => pcm.shift()!,
    ...options.player,
  });
  const events: PartyPlayerEvent[] = [];
  player.on((event) => events.push(event));
  player.setClock(identityClockMap(time.nowUs));
  for (const trackId of Object.keys(options.tracks)) {
    await player.prepare({ trackId, hash: trackId, open: async () => noSource }, { frame: 0 });
  }
  await time.advance(2_000_000);
  return {
    time,
    output,
    player,
    events,
    frameHeardAt(atUs) {
      let frame = Math.round(((atUs - output.heardUs(0)) * 48_000) / 1e6);
      while (output.heardUs(frame) < atUs - 1e-6) frame += 1;
      while (frame > 0 && output.heardUs(frame - 1) >= atUs - 1e-6) frame -= 1;
      return frame;
    },
    async [Symbol.asyncDispose]() {
      await player.close();
    },
  };
}

/** A line that plays track `a` from its beginning. */
export function playing(fields: Partial<Omit<Timeline, 't0Us'>> & { readonly t0Us: number }): Timeline {
  return {
    epoch: 1,
    trackId: 'a',
    hash: 'a',
    frame0: 0,
    rateNum: 48_000,
    rateDen: 1,
    state: 'playing',
    ...fields,
    t0Us: sessionUs(fields.t0Us),
  };
}
