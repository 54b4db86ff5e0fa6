import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Where the rig's scripts may lie: beside the repository's directory. */
const defaultRig = new URL('../../../shared/rig', import.meta.url).pathname;
/** After the last node's first sound: what comes before is the start. */
const settleSeconds = 10;
const alsaPlugin = 'alsa-lib/libasound_module_pcm_pipewire.so';

/** A sound server without a card: sinks node1 … nodeN on one clock, all recorded together. */
export interface Rig extends AsyncDisposable {
  /** Environment of a player that sounds on sink `node` (from 1) through ALSA. */
  playerEnvironment(node: number): Promise<NodeJS.ProcessEnv>;
  record(): Promise<Recording>;
}

/** All sinks, from the beginning of the recording on. */
export interface Recording {
  stop(): Promise<void>;
  /** Compares the nodes, once it was stopped. */
  measure(): Promise<Measurement>;
}

/** How far apart the nodes' sound came out, in microseconds: the latest minus the earliest node in each window of a second. */
export interface Measurement {
  /** Between the first sounds of the nodes. */
  readonly startUs: number;
  /** Windows that could be compared once everything had settled. */
  readonly windows: number;
  readonly p50Us: number;
  readonly p95Us: number;
  readonly maxUs: number;
}

/** What is used of the answer of measure.py. */
interface Measured {
  readonly nodes: Readonly<Record<string, { readonly first_sound_s: number | null }>>;
  readonly spread_us?: { readonly windows: number; readonly p50: number; readonly p95: number; readonly max: number };
}

/** Starts the rig with PipeWire in `directory`. Throws an `Error` that names the Debian packages when something is missing. */
export async function startRig(directory: string, nodeCount: number): Promise<Rig> {
  const source = process.env['TUTTI_RIG'] ?? defaultRig;
  if (!existsSync(path.join(source, 'start-rig.sh')))
    throw new Error(`no rig in ${source}: set TUTTI_RIG to the directory of its scripts`);
  const plugin = await findAlsaPlugin();
  const scripts = path.join(directory, 'rig');
  await cp(source, scripts, { recursive: true });
  const runtime = path.join(directory, 'run');
  const env = { ...process.env, RIG_DIR: runtime, RIG_PW_ALSA: plugin, PATH: `/usr/bin:${process.env['PATH'] ?? ''}` };
  const script = async (name: string, ...args: readonly string[]): Promise<string> => {
    try {
      return (await run(path.join(scripts, name), args, { env, maxBuffer: 2 ** 24 })).stdout;
    } catch (cause) {
      const { stderr } = cause as ExecFileException;
      throw new Error(`${name} failed: ${stderr ?? ''}the rig needs the Debian packages that its README lists`, { cause });
    }
  };
  await script('start-rig.sh', 'pipewire', String(nodeCount));
  const environment = await readEnvironment(path.join(runtime, 'env'));
  return {
    async playerEnvironment(node) {
      const home = path.join(directory, `node${node}`);
      await mkdir(home, { recursive: true });
      const config = path.join(home, 'asound.conf');
      await writeFile(
        config,
        [
          `pcm_type.pipewire { lib "${plugin}" }`,
          `pcm.!default { type pipewire server "pipewire-0" playback_node "node${node}" capture_node "-1" }`,
          `pcm.node${node} { type pipewire server "pipewire-0" playback_node "node${node}" capture_node "-1" hint { show on description "node${node}" } }`,
        ].join('\n'),
      );
      return { ...process.env, ...environment, ALSA_CONFIG_PATH: config, HOME: home };
    },
    async record() {
      const take = `/dev/shm/tutti-sync-${process.pid}.wav`;
      await script('record.sh', 'start', take, 'pipewire');
      return {
        stop: async () => void (await script('record.sh', 'stop', 'pipewire')),
        async measure() {
          const whole = JSON.parse(await script('measure.py', take)) as Measured;
          const starts = Object.values(whole.nodes).map((node) => node.first_sound_s ?? Number.NaN);
          if (!starts.every(Number.isFinite)) throw new Error('the recording holds no sound of at least one node');
          const settledSeconds = Math.max(...starts) + settleSeconds;
          const settled = JSON.parse(await script('measure.py', take, '--from', String(settledSeconds))) as Measured;
          await rm(take, { force: true });
          const { windows = 0, p50 = Number.NaN, p95 = Number.NaN, max = Number.NaN } = settled.spread_us ?? {};
          return { startUs: (Math.max(...starts) - Math.min(...starts)) * 1e6, windows, p50Us: p50, p95Us: p95, maxUs: max };
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await script('stop-rig.sh', 'pipewire');
    },
  };
}

async function findAlsaPlugin(): Promise<string> {
  const given = process.env['RIG_PW_ALSA'];
  if (given !== undefined) return given;
  const { stdout } = await run('sh', ['-c', `ls /usr/lib/*/${alsaPlugin} 2>/dev/null || true`]);
  const found = stdout.split('\n')[0] ?? '';
  if (found !== '') return found;
  throw new Error(
    'no ALSA plugin of PipeWire: unpack Debian’s pipewire-alsa (dpkg -x) and set RIG_PW_ALSA to its libasound_module_pcm_pipewire.so',
  );
}

/** The `export A=b C=d` lines of the rig. */
async function readEnvironment(file: string): Promise<Record<string, string>> {
  const text = await readFile(file, 'utf8');
  return Object.fromEntries([...text.matchAll(/([A-Z_]+)=(\S*)/g)].map((match) => [match[1] ?? '', match[2] ?? '']));
}
