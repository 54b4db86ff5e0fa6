import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { formatInvitation, parseInvitation, type Invitation } from '@tutti/sync/protocol';

/** The parties of this computer's user, for their owner: one file each, which nobody else can read. */
export class InvitationFiles {
  readonly #directory: string;

  /** @param directory Where they lie; made with mode 0700 when it is missing. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Keeps an invitation until the returned function is called. A party on the same port takes its place. */
  async keep(invitation: Invitation): Promise<() => Promise<void>> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const file = path.join(this.#directory, `${invitation.port}.json`);
    await rm(file, { force: true });
    await writeFile(file, JSON.stringify({ pid: process.pid, invitation: formatInvitation(invitation) }), {
      mode: 0o600,
      flag: 'wx',
    });
    return async () => {
      // Another party may have taken the port since.
      if ((await read(file))?.pid === process.pid) await rm(file, { force: true });
    };
  }

  /** The invitations of parties whose process is alive, in the order of their ports. */
  async list(): Promise<readonly Invitation[]> {
    const names = await readdir(this.#directory).catch((): string[] => []);
    const found: Invitation[] = [];
    for (const name of names.filter((each) => /^\d+\.json$/.test(each))) {
      const kept = await read(path.join(this.#directory, name));
      if (kept !== undefined && isAlive(kept.pid)) found.push(kept.invitation);
    }
    return found.toSorted((a, b) => a.port - b.port);
  }
}

async function read(file: string): Promise<{ readonly pid: number; readonly invitation: Invitation } | undefined> {
  try {
    const { invitation, pid } = JSON.parse(await readFile(file, 'utf8')) as { readonly invitation: string; readonly pid: number };
    return { pid, invitation: parseInvitation(invitation) };
  } catch {
    // Removed meanwhile, or not written by us.
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
