import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { endAll, failed, nodeCount, type Players, type Take } from './players.ts';

const tutti = new URL('../../apps/player/bin/tutti.js', import.meta.url).pathname;
const ports = ['--port', '17495', '--clock-port', '17496'];

interface NodeEvent {
  readonly event: string;
  readonly name?: string;
  readonly invitation?: string;
  readonly report?: { readonly alignP95Us?: number; readonly underruns: number; readonly snaps: number };
}

/** The commands of a user: `tutti host` on the first sink, `tutti join` on the others, `tutti ctl add` to begin. */
export async function startParty({ rig, wavPath }: Take): Promise<Players> {
  const children: ChildProcess[] = [];
  const hostEnv = await rig.playerEnvironment(1);
  const start = async (args: readonly string[], env: NodeJS.ProcessEnv, awaited: string): Promise<NodeEvent> => {
    const child = spawn(process.execPath, [tutti, ...args, '--json', '--output', 'device'], {
      env: { ...env, TUTTI_CACHE: `${env['HOME'] ?? ''}/cache` },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const found = Promise.withResolvers<NodeEvent>();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as NodeEvent;
      if (event.event === awaited) found.resolve(event);
    });
    return await Promise.race([found.promise, failed(child)]);
  };
  const ctl = async (...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [tutti, 'ctl', ...args, '--json'], { env: hostEnv })).stdout;
  const { invitation = '' } = await start(['host', ...ports, '--name', 'bench'], hostEnv, 'hosting');
  for (let node = 2; node <= nodeCount; node += 1) {
    await start(['join', invitation, '--name', `node${node}`], await rig.playerEnvironment(node), 'clock');
  }
  return {
    async begin() {
      await ctl('add', wavPath);
      while (!(await ctl('status')).includes('"status":"ready"')) await setTimeout(200);
      await ctl('play');
    },
    async report() {
      const events = (await ctl('nodes'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as NodeEvent);
      return events
        .flatMap((event) => (event.event === 'node' && event.report !== undefined ? [event.report] : []))
        .map(({ alignP95Us, snaps, underruns }) => `p95 ${alignP95Us?.toFixed(0) ?? '–'}, ${underruns} underruns, ${snaps} snaps`)
        .join('; ');
    },
    async [Symbol.asyncDispose]() {
      await endAll(children);
    },
  };
}
