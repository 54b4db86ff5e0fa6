import { fixturePath, startOrigin } from '@tutti/fixtures';
import { sessionUs } from '@tutti/sync';
import { defaultPpqn, tempo, ticks } from '@tutti/sync/musical';
import { describe, expect, test } from 'vitest';
import { hostParty, joinParty, type TestNode } from './party-rig.ts';

const started = (node: TestNode) => node.until((event) => event.type === 'player' && event.event.type === 'started');
const statuses = (view: { queue: readonly { status: string }[] }): readonly string[] => view.queue.map(({ status }) => status);

describe('a party', () => {
  test('plays a file of the host and a URL at the same frame on every node, and asks the origin once', async () => {
    await using origin = await startOrigin();
    await using party = await hostParty();
    await using one = await joinParty(party, { name: 'one' });
    await using two = await joinParty(party, { name: 'two' });
    await party.until(({ members }) => members.filter((member) => member.report?.isClockReady === true).length === 2);
    await party.host.add([fixturePath('part-1.flac'), origin.url('hls/fmp4/multivariant.m3u8')], 'me');
    await party.until((view) => statuses(view)[0] === 'ready');
    await party.host.command({ kind: 'play' });
    await Promise.all([started(one), started(two)]);
    const [first, second] = [one.player.frameNow()!, two.player.frameNow()!];
    // Two readings of two clocks, one after the other on a busy machine: a tenth of a second apart at the very most.
    expect(Math.abs(first - second)).toBeLessThan(4800);
    expect(one.player.lines.at(-1)).toEqual(two.player.lines.at(-1));
    await party.until((view) => statuses(view)[1] === 'ready');
    expect([...one.player.bytes.values()]).toEqual([...two.player.bytes.values()]);
    const segments = origin.requests.filter(({ target }) => target.includes('segment'));
    expect(new Set(segments.map(({ target }) => target)).size).toBe(segments.length);
  });

  test('what is automated in ticks reaches every node in session time, also those that join later', async () => {
    await using party = await hostParty();
    await using one = await joinParty(party, { name: 'one' });
    await one.until(({ type }) => type === 'joined');
    // Long ago, so that all of it is past; 960 ticks of 120 quarter notes a minute are half a second.
    const line = { t0Us: sessionUs(0), tick0: ticks(0), tempo: tempo(120), ppqn: defaultPpqn };
    party.host.automate([{ tick: ticks(960), volumeDb: -20 }], line);
    party.host.automate([{ atUs: sessionUs(600_000), muted: true }], line);
    await using two = await joinParty(party, { name: 'two' });
    await two.until(({ type }) => type === 'joined');
    // The session's view comes after what is automated.
    await Promise.all(
      [one, two].map((node) => node.until((event) => event.type === 'session' && event.session.members.length === 2)),
    );
    expect(one.player.automation).toEqual([
      { atUs: 500_000, volumeDb: -20 },
      { atUs: 600_000, muted: true },
    ]);
    expect(two.player.automation).toEqual([{ atUs: 600_000, volumeDb: -20, muted: true }]);
  });
});
