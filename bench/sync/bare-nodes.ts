import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { endAll, failed, nodeCount, type Players, type Take } from './players.ts';

/** From the command to the first frame. */
const leadUs = 1_000_000;

/** Party players alone, one process each, on the machine's own monotonic clock; the last one's device counts `lastNodePpm` too fast. */
export async function startNodes({ rig, wavPath }: Take, lastNodePpm: number): Promise<Players> {
  const main = new URL('./node-main.ts', import.meta.url).pathname;
  const statuses: string[] = [];
  const children: ChildProcess[] = [];
  for (let node = 1; node <= nodeCount; node += 1) {
    const ppm = node === nodeCount ? lastNodePpm : 0;
    const env = await rig.playerEnvironment(node);
    const child = spawn(process.execPath, [main, '--file', wavPath, '--fake-rate-ppm', String(ppm)], {
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    await Promise.race([once(lines, 'line'), failed(child)]);
    lines.on('line', (line) => {
      const { status } = JSON.parse(line) as { readonly status?: { alignP95Us?: number; underruns: number; snaps: number } };
      if (status !== undefined)
        statuses[node - 1] = `p95 ${status.alignP95Us?.toFixed(0) ?? '–'}, ${status.underruns} underruns, ${status.snaps} snaps`;
    });
  }
  return {
    async begin() {
      const t0Us = Number(process.hrtime.bigint() / 1000n) + leadUs;
      for (const child of children) child.stdin?.write(`${t0Us}\n`);
    },
    report: async () => statuses.join('; '),
    [Symbol.asyncDispose]: () => endAll(children),
  };
}
