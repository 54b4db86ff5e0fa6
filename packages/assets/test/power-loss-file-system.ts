import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { nodeFileSystem, type FileSystem } from '@tutti/storage';

/** A change of a file's bytes that no sync has covered yet. */
type DataChange =
  | { readonly type: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: 'truncate'; readonly length: number };

/** A file apart from its names. */
interface Inode {
  /** What the disk holds for certain. */
  durable: Uint8Array;
  unsynced: DataChange[];
  /** Length as the running system sees it. */
  length: number;
}

/** A change of names in one directory that no sync has covered yet. */
interface NameChange {
  readonly directory: string;
  readonly removed: string | undefined;
  readonly added: string | undefined;
  readonly inode: Inode | undefined;
}

/** Which of the changes that were never synced reach the disk all the same. */
export type Survival = 'nothing' | 'anything';

/**
 * The real file system below one directory, and beside it what of that would be on the disk if the power went now. As POSIX
 * allows: bytes are certain after a sync of the file, names after a sync of their directory, and of everything else any part
 * may be there, in any order, torn writes too. Syncs are only remembered, so it is fast.
 */
export class PowerLossFileSystem implements FileSystem {
  readonly #root: string;
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  readonly #open = new Map<number, Inode>();
  /** Changes until now. */
  changeCount = 0;
  /** The power goes with this change. */
  cutAt = Infinity;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Begins with what is in `root`, all of it durable. */
  static async boot(root: string): Promise<PowerLossFileSystem> {
    const system = new PowerLossFileSystem(root);
    for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const durable = new Uint8Array(await readFile(path));
      const inode = { durable, unsynced: [], length: durable.length };
      system.#names.set(path, inode);
      system.#durableNames.set(path, inode);
    }
    return system;
  }

  get isCut(): boolean {
    return this.changeCount >= this.cutAt;
  }

  readonly open = async (path: string, flags: 'r' | 'r+' | 'w+', mode?: number): Promise<number> => {
    if (flags === 'w+') this.#change();
    const fd = await nodeFileSystem.open(path, flags, mode);
    let inode = this.#names.get(path);
    if (flags === 'w+' && inode !== undefined) {
      inode.unsynced.push({ type: 'truncate', length: 0 });
      inode.length = 0;
    }
    inode ??= this.#link(path, new Uint8Array());
    this.#open.set(fd, inode);
    return fd;
  };
  readonly close = (fd: number): Promise<void> => {
    this.#open.delete(fd);
    return nodeFileSystem.close(fd);
  };
  readonly write = async (fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> => {
    this.#change();
    const bytes = Uint8Array.from(Buffer.concat(buffers));
    const inode = this.#open.get(fd)!;
    inode.unsynced.push({ type: 'write', position, bytes });
    inode.length = Math.max(inode.length, position + bytes.length);
    return nodeFileSystem.write(fd, buffers, position);
  };
  readonly truncate = async (fd: number, length: number): Promise<void> => {
    this.#change();
    const inode = this.#open.get(fd)!;
    inode.unsynced.push({ type: 'truncate', length });
    inode.length = length;
    await nodeFileSystem.truncate(fd, length);
  };
  readonly datasync = async (fd: number): Promise<void> => {
    this.#change();
    settle(this.#open.get(fd)!);
  };
  readonly rename = async (from: string, to: string): Promise<void> => {
    this.#change();
    await nodeFileSystem.rename(from, to);
    const inode = this.#names.get(from);
    this.#names.delete(from);
    if (inode !== undefined) this.#names.set(to, inode);
    this.#nameChanges.push({ directory: dirname(to), removed: from, added: to, inode });
  };
  readonly remove = async (path: string): Promise<void> => {
    this.#change();
    await nodeFileSystem.remove(path);
    if (this.#names.delete(path))
      this.#nameChanges.push({ directory: dirname(path), removed: path, added: undefined, inode: undefined });
  };
  readonly writeWhole: FileSystem['writeWhole'] = async (path, bytes, options) => {
    this.#change();
    await nodeFileSystem.writeWhole(path, bytes, { ...options, isDurable: false });
    const inode = this.#link(path, Uint8Array.from(Buffer.from(bytes)));
    if (options.isDurable) settle(inode);
  };
  readonly append = async (path: string, text: string, mode: number): Promise<void> => {
    this.#change();
    await nodeFileSystem.append(path, text, mode);
    const inode = this.#names.get(path) ?? this.#link(path, new Uint8Array());
    const bytes = Uint8Array.from(Buffer.from(text));
    inode.unsynced.push({ type: 'write', position: inode.length, bytes });
    inode.length += bytes.length;
  };
  readonly syncFile = async (path: string): Promise<void> => {
    this.#change();
    settle(this.#names.get(path)!);
    this.#settleNames(dirname(path));
  };
  readonly syncDirectory = async (path: string): Promise<void> => {
    this.#change();
    this.#settleNames(path);
  };
  readonly read = nodeFileSystem.read;
  readonly size = nodeFileSystem.size;
  readonly exists = nodeFileSystem.exists;
  readonly readWhole = nodeFileSystem.readWhole;
  readonly makeDirectory = nodeFileSystem.makeDirectory;

  /** Writes below `target` what the disk holds after the power has gone. */
  async crash(target: string, survival: Survival, random: () => number): Promise<void> {
    for (const change of this.#nameChanges) {
      if (survival === 'anything' && random() < 0.5) this.#apply(change);
    }
    for (const [path, inode] of this.#durableNames) {
      const kept = survival === 'nothing' ? [] : inode.unsynced.flatMap((change) => tear(change, random));
      const copy = join(target, relative(this.#root, path));
      await mkdir(dirname(copy), { recursive: true });
      await writeFile(copy, kept.reduce(applied, inode.durable));
    }
  }

  #change(): void {
    if (this.isCut) throw Object.assign(new Error('EIO: the power is gone'), { code: 'EIO' });
    this.changeCount += 1;
  }

  #link(path: string, bytes: Uint8Array): Inode {
    const unsynced: DataChange[] = bytes.length === 0 ? [] : [{ type: 'write', position: 0, bytes }];
    const inode: Inode = { durable: new Uint8Array(), unsynced, length: bytes.length };
    this.#names.set(path, inode);
    this.#nameChanges.push({ directory: dirname(path), removed: undefined, added: path, inode });
    return inode;
  }

  #settleNames(directory: string): void {
    for (const change of this.#nameChanges) if (change.directory === directory) this.#apply(change);
    this.#nameChanges = this.#nameChanges.filter((change) => change.directory !== directory);
  }

  #apply({ removed, added, inode }: NameChange): void {
    if (removed !== undefined) this.#durableNames.delete(removed);
    if (added !== undefined && inode !== undefined) this.#durableNames.set(added, inode);
  }
}

function settle(inode: Inode): void {
  inode.durable = inode.unsynced.reduce(applied, inode.durable);
  inode.unsynced = [];
}

function applied(content: Uint8Array, change: DataChange): Uint8Array {
  if (change.type === 'truncate') {
    const cut = new Uint8Array(change.length);
    cut.set(content.subarray(0, change.length));
    return cut;
  }
  const grown = new Uint8Array(Math.max(content.length, change.position + change.bytes.length));
  grown.set(content);
  grown.set(change.bytes, change.position);
  return grown;
}

/** All of a change, none of it, some of a write, or the length that it gave the file and none of its bytes. */
function tear(change: DataChange, random: () => number): DataChange[] {
  const fate = random();
  if (fate < 0.4) return [change];
  if (fate < 0.6 || change.type === 'truncate') return [];
  if (fate < 0.8) return [{ ...change, bytes: change.bytes.subarray(0, Math.floor(random() * change.bytes.length)) }];
  return [{ ...change, bytes: new Uint8Array(change.bytes.length) }];
}
