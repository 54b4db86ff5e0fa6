import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { endAll, failed, nodeCount, sampleRate, type Players, type Take } from './players.ts';

const port = 17_494;

/** Debian's snapserver and a snapclient per sink. */
export async function startSnapcast({ rig, directory, rawPath }: Take): Promise<Players> {
  const config = path.join(directory, 'snapserver.conf');
  await writeFile(
    config,
    [
      `[server]\ndatadir = ${directory}`,
      '[http]\nenabled = false',
      '[tcp]\nenabled = false',
      `[stream]\nbind_to_address = 127.0.0.1\nport = ${port}`,
      `source = file://${rawPath}?name=take&sampleformat=${sampleRate}:16:2&codec=pcm`,
    ].join('\n'),
  );
  const server = spawn('snapserver', ['-c', config, '--logging.sink', 'null'], { stdio: 'ignore' });
  const children = [server];
  const begin = async (): Promise<void> => {
    for (let node = 1; node <= nodeCount; node += 1) {
      const env = await rig.playerEnvironment(node);
      const who = ['-i', String(node), '--hostID', `node${node}`];
      const where = ['-h', '127.0.0.1', '-p', String(port)];
      children.push(spawn('snapclient', [...who, ...where, '-s', 'default', '--logsink', 'null'], { env, stdio: 'ignore' }));
    }
    await Promise.race([setTimeout(500), ...children.map(failed)]);
  };
  return { begin, report: async () => '', [Symbol.asyncDispose]: () => endAll(children) };
}
