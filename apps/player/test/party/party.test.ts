import { fixturePath, startOrigin } from '@tutti/fixtures';
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
});
