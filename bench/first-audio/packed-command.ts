import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');

/** The `tutti` command as it is published. */
export interface PackedCommand extends AsyncDisposable {
  /** Its launcher, for Node to run. */
  readonly launcher: string;
}

/** Packs every package and unpacks it inside the repository, whose libraries it then finds. */
export async function packCommand(): Promise<PackedCommand> {
  await mkdir(path.join(root, '.cache'), { recursive: true });
  const directory = await mkdtemp(path.join(root, '.cache/packed-'));
  const remove = (): Promise<void> => rm(directory, { recursive: true });
  try {
    const tarballs = path.join(directory, 'tarballs');
    await run(process.execPath, [path.join(root, 'scripts/pack.ts'), tarballs], { cwd: root });
    const scope = path.join(directory, 'node_modules/@tutti');
    for (const tarball of await readdir(tarballs)) {
      const target = path.join(scope, /^tutti-([a-z]+)-/u.exec(tarball)?.[1] ?? tarball);
      await mkdir(target, { recursive: true });
      await run('tar', ['-xzf', path.join(tarballs, tarball), '-C', target, '--strip-components=1']);
    }
    return { launcher: path.join(scope, 'player/bin/tutti.js'), [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
