import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { fixturePath } from '@tutti/fixtures';
import { describe, expect, test } from 'vitest';
import { runTutti, startTutti, temporaryHome, type RunningTutti, type TuttiResult } from '../run-tutti.ts';

interface Party {
  readonly host: RunningTutti;
  readonly invitation: string;
  readonly join: (name: string) => RunningTutti;
  readonly ctl: (...parameters: string[]) => Promise<TuttiResult>;
  /** What `ctl nodes` says, until it fits. */
  readonly nodes: (isReached: (nodes: readonly NodeEvent[]) => boolean) => Promise<readonly NodeEvent[]>;
}

interface NodeEvent {
  readonly name: string;
  readonly isConnected: boolean;
  readonly report?: { readonly isClockReady: boolean; readonly alignP95Us?: number; readonly hasDevice: boolean };
}

/** A real host process with its own home, which nodes of their own caches join; everything is ended afterwards. */
async function party(sources: readonly string[], use: (party: Party) => Promise<void>): Promise<void> {
  await using home = await temporaryHome();
  const running: RunningTutti[] = [];
  const start = (parameters: readonly string[]): RunningTutti => {
    const process = startTutti(parameters, { home: home.directory });
    running.push(process);
    return process;
  };
  const options = (name: string): string[] => ['--output', 'null', '--cache', home.file(name), '--json'];
  try {
    const host = start(['host', ...sources, '--port', '0', '--clock-port', '0', '--name', 'test', ...options('host')]);
    await host.said(/"hosting"/);
    const [hosting] = host.soFar();
    const invitation = String(hosting?.['invitation']).replace(/\/\/[^:]+:/, '//127.0.0.1:');
    const ctl = (...parameters: string[]): Promise<TuttiResult> => runTutti(['ctl', ...parameters], { home: home.directory });
    await use({
      host,
      invitation,
      join: (name) => start(['join', invitation, '--name', name, ...options(name)]),
      ctl,
      async nodes(isReached) {
        for (;;) {
          const result = await ctl('nodes', '--json');
          const nodes = result.events().filter(({ event }) => event === 'node') as unknown as readonly NodeEvent[];
          if (isReached(nodes)) return nodes;
        }
      },
    });
  } finally {
    for (const { child } of running) child.kill('SIGCONT');
    for (const { child } of running) child.kill('SIGKILL');
    await Promise.all(running.map(({ result }) => result));
  }
}

const piece = fixturePath('piece.flac');
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
if (!hasIPv6) process.stdout.write('skipped: this machine has no IPv6, so no node joins over it\n');

describe('a party of processes', () => {
  test('plays, obeys ctl, tells how well it keeps time, and ends with its host', async () => {
    await party([piece, fixturePath('part-1.flac')], async ({ ctl, host, join, nodes }) => {
      const one = join('one');
      const two = join('two');
      await Promise.all([one.said(/"playing"/), two.said(/"playing"/)]);
      const aligned = await nodes((all) => all.length === 3 && all.every(({ report }) => report?.alignP95Us !== undefined));
      for (const { name, report } of aligned) {
        expect(report?.isClockReady, name).toBe(true);
        expect(report?.hasDevice, name).toBe(false);
      }
      const table = await ctl('nodes');
      expect(table.stdout.toString()).toMatch(/^node +clock +align p50\/p95 +latency/);
      expect(table.stdout.toString()).toMatch(/two +±\d+ µs/);

      expect(await ctl('pause')).toMatchObject({ code: 0, stderr: expect.stringMatching(/^⏸ piece\.flac 0:\d\d\n$/) });
      const paused = await ctl('status', '--json');
      expect(paused.events()[0]).toMatchObject({ event: 'status', state: 'paused', name: 'test' });
      expect((await ctl('seek', '0:02')).stderr).toBe('⏸ piece.flac 0:02\n');
      expect((await ctl('resume')).stderr).toBe('▶ piece.flac 0:02\n');
      expect((await ctl('status')).stdout.toString()).toMatch(/test: ▶ .*piece\.flac {2}0:0\d \/ 0:20 {2}3 nodes/);
      expect((await ctl('volume', '-12', '--node', 'two')).stderr).toBe('two -12 dB\n');
      const skipped = await ctl('skip', '--json');
      expect(skipped).toMatchObject({ code: 0, stderr: '' });
      expect(skipped.events()).toMatchObject([
        {
          event: 'done',
          command: 'skip',
          state: 'playing',
          source: 'part-1.flac',
          positionSeconds: expect.any(Number),
          queueLength: 2,
        },
      ]);
      await Promise.all([one.said(/part-1\.flac","trackId.*\n/), two.said(/"playing".*part-1/)]);
      const missing = await ctl('add', '/nowhere/song.flac');
      expect(missing.code).toBe(1);
      expect(missing.stderr).toContain('there is no file or folder /nowhere/song.flac');
      expect((await ctl('add', fixturePath('part-2.flac'))).stderr).toBe('+ part-2.flac, 3 in the queue\n');
      expect(await ctl('volume', '-3', '--quiet')).toMatchObject({ code: 0, stderr: '' });
      expect((await ctl('move', '3', '9')).code).toBe(0);
      expect((await ctl('remove', '7')).stderr).toContain('there is no track 7: the queue has 3');

      host.child.kill('SIGINT');
      expect((await host.result).code).toBe(130);
      for (const node of [one, two]) {
        const { code, stdout } = await node.result;
        expect(code).toBe(0);
        expect(stdout.toString()).toContain('"event":"ended"');
      }
      const after = await ctl('status');
      expect(after.code).toBe(64);
      expect(after.stderr).toContain('there is no party on this computer');
    });
  }, 120_000);

  test('goes from 44.1 kHz to 48 kHz and back without an interruption, and seeks there', async () => {
    await party(['part-1.flac', 'piece.opus', 'part-2.flac'].map(fixturePath), async ({ ctl, host, join }) => {
      const one = join('one');
      await Promise.all([host, one].map((node) => node.said(/"playing".*piece\.opus/)));
      expect((await ctl('seek', '0:04')).stderr).toBe('▶ piece.opus 0:04\n');
      await Promise.all([host, one].map((node) => node.said(/"track-end".*piece\.opus[^]*"playing".*part-2/)));
      expect(JSON.stringify([...host.soFar(), ...one.soFar()])).not.toMatch(/failed|snapped/);
    });
  }, 120_000);

  test('is told apart from another one on the same computer, and found by IPv6 and by name', async () => {
    await using home = await temporaryHome();
    const options = ['--port', '0', '--clock-port', '0', '--output', 'null', '--json'];
    const hosts = ['first', 'second'].map((name) =>
      startTutti(['host', '--name', name, '--no-play', ...options, '--cache', home.file(name)], { home: home.directory }),
    );
    const nodes: RunningTutti[] = [];
    try {
      await Promise.all(hosts.map((host) => host.said(/"hosting"/)));
      const ports = hosts.map((host) => Number(host.soFar()[0]?.['port'])).toSorted((a, b) => a - b);
      const [first] = hosts;
      const port = Number(first?.soFar()[0]?.['port']);
      const unclear = await runTutti(['ctl', 'status'], { home: home.directory });
      expect(unclear.code).toBe(64);
      expect(unclear.stderr).toContain(`choose with --host localhost:${ports[0]} or localhost:${ports[1]}`);
      const named = await runTutti(['ctl', 'status', '--host', `localhost:${port}`], { home: home.directory });
      expect(named.stdout.toString()).toContain('first: ■ 0 nodes');
      // The address alone is enough where the host's own user joins.
      for (const address of hasIPv6 ? [`[::1]:${port}`, `localhost:${port}`] : [`localhost:${port}`]) {
        const node = startTutti(['join', address, '--output', 'null', '--json', '--cache', home.file(`node-${nodes.length}`)], {
          home: home.directory,
        });
        nodes.push(node);
        await node.said(/"joined".*"first"[^]*"clock"/);
      }
    } finally {
      for (const { child } of [...hosts, ...nodes]) child.kill('SIGKILL');
      await Promise.all([...hosts, ...nodes].map(({ result }) => result));
    }
  }, 120_000);

  test('leaves a track that turns into something else in its middle, and says which', async () => {
    await using directory = await temporaryHome();
    // Two streams of different codecs, one after the other in one file: allowed in Ogg, played by few.
    const chained = directory.file('chained.ogg');
    await writeFile(
      chained,
      Buffer.concat(await Promise.all(['piece.ogg', 'piece.opus'].map((name) => readFile(fixturePath(name))))),
    );
    await party([chained, fixturePath('part-1.flac')], async ({ ctl, host, join }) => {
      const one = join('one');
      await Promise.all([host.said(/"node-failed"/), one.said(/"track-failed".*chained[^]*"playing".*part-1/)]);
      const status = await ctl('status');
      expect(status.stdout.toString()).toMatch(/failed .*chained\.ogg \(.+\)/);
    });
  }, 120_000);

  test('goes on after a track whose length is known only at its end', async () => {
    await party([fixturePath('piece.aac'), fixturePath('part-1.flac')], async ({ ctl, join }) => {
      const node = join('one');
      await node.said(/"playing".*piece\.aac/);
      expect((await ctl('status')).stdout.toString()).toMatch(/playing +-:-- +piece\.aac/);
      expect((await ctl('seek', '0:18')).code).toBe(0);
      await node.said(/"playing".*part-1\.flac/);
      expect((await ctl('status')).stdout.toString()).toMatch(/played +0:20 +piece\.aac/);
    });
  }, 120_000);

  test('a node that is killed in the middle of a song comes back in step; the others play on', async () => {
    await party([piece], async ({ join, nodes }) => {
      const one = join('one');
      await one.said(/"playing"/);
      one.child.kill('SIGKILL');
      await one.result;
      await nodes((all) => all.some(({ isConnected, name }) => name === 'one' && !isConnected));
      const again = join('one');
      await again.said(/"playing"/);
      const all = await nodes((found) =>
        found.some(({ isConnected, name, report }) => name === 'one' && isConnected && report?.alignP95Us !== undefined),
      );
      expect(all.filter(({ isConnected }) => isConnected)).toHaveLength(2);
    });
  }, 120_000);

  test('a node that was stopped for ten seconds measures its clock anew and takes its place again', async () => {
    await party([piece], async ({ join, nodes }) => {
      const node = join('sleeper');
      await node.said(/"playing"/);
      node.child.kill('SIGSTOP');
      await nodes((all) => all.some(({ isConnected, name }) => name === 'sleeper' && !isConnected));
      // The fault itself: a machine that slept longer than every timeout.
      await delay(5000);
      node.child.kill('SIGCONT');
      await node.said(/"joined".*"isAgain":true/);
      await nodes((all) =>
        all.some(({ isConnected, name, report }) => name === 'sleeper' && isConnected && report?.isClockReady === true),
      );
    });
  }, 120_000);

  test('a host that is killed is missed in words, with an exit code', async () => {
    await party([piece], async ({ host, join }) => {
      const node = join('one');
      await node.said(/"playing"/);
      host.child.kill('SIGKILL');
      const { code, stderr } = await node.result;
      expect(stderr).toContain('Host disconnected — session ended.');
      expect(code).toBe(1);
    });
  }, 120_000);
});

describe('what people type', () => {
  test.each([
    [['join', '127.0.0.1:1', '--secret', 'A'.repeat(26)], 1, /there is no answer from 127\.0\.0\.1:1: check the address/],
    [['join', 'http://127.0.0.1/'], 1, /the invitation cannot be read/],
    [['join', '127.0.0.1:1'], 64, /a secret is needed/],
    [
      ['host', '--output', 'stdout', '--port', '0', '--clock-port', '0'],
      64,
      /a party plays on a device or, silently, with --output null/,
    ],
    [['host', '/nowhere', '--output', 'null', '--port', '0', '--clock-port', '0'], 1, /there is no file or folder \/nowhere/],
    [['host', '--max-nodes', '1000'], 64, /256 nodes at most/],
    [['ctl', 'volume', '3'], 64, /A volume is/],
    [['ctl', 'play'], 64, /there is no party on this computer/],
  ])('%j ends with %i and says why', async (parameters, code, sentence) => {
    await using home = await temporaryHome();
    const result = await runTutti(parameters, { home: home.directory });
    expect(result.stderr).toMatch(sentence);
    expect(result.code).toBe(code);
  });

  test('a port in use is named', async () => {
    await using home = await temporaryHome();
    const taken = createServer().listen(0);
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const result = await runTutti(['host', '--port', String(port), '--clock-port', '0', '--output', 'null'], {
      home: home.directory,
    });
    expect(result.stderr).toContain(`Port ${port} is in use. Please close the other application or change the port.`);
    expect(result.code).toBe(1);
    taken.close();
  });
});
