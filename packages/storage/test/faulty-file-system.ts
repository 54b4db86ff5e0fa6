import { nodeFileSystem, type FileSystem } from '../src/index.ts';

export type FaultyOperation = 'open' | 'write' | 'datasync' | 'rename' | 'writeWhole' | 'read' | 'truncate';

/** The real file system, except that operations with a fault fail with its system code. Remembers the order of calls. */
export class FaultyFileSystem implements FileSystem {
  readonly calls: string[] = [];
  readonly open = this.#wrap('open', nodeFileSystem.open);
  readonly write = this.#wrap('write', nodeFileSystem.write);
  readonly datasync = this.#wrap('datasync', nodeFileSystem.datasync);
  readonly rename = this.#wrap('rename', nodeFileSystem.rename);
  readonly writeWhole = this.#wrap('writeWhole', nodeFileSystem.writeWhole);
  readonly read = this.#wrap('read', nodeFileSystem.read);
  readonly truncate = this.#wrap('truncate', nodeFileSystem.truncate);
  readonly remove = this.#wrap('remove', nodeFileSystem.remove);
  readonly close = this.#wrap('close', nodeFileSystem.close);
  readonly size = nodeFileSystem.size;
  readonly exists = nodeFileSystem.exists;
  readonly readWhole = nodeFileSystem.readWhole;
  readonly append = nodeFileSystem.append;
  readonly syncFile = nodeFileSystem.syncFile;
  readonly makeDirectory = nodeFileSystem.makeDirectory;
  readonly syncDirectory = this.#wrap('syncDirectory', nodeFileSystem.syncDirectory);
  readonly #faults = new Map<string, string>();

  /** Makes `operation` fail with a system code such as `ENOSPC`; `undefined` heals it. */
  fail(operation: FaultyOperation, systemCode: string | undefined): void {
    if (systemCode === undefined) this.#faults.delete(operation);
    else this.#faults.set(operation, systemCode);
  }

  #wrap<A extends unknown[], R>(name: string, operation: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
    return async (...args) => {
      this.calls.push(name);
      const systemCode = this.#faults.get(name);
      if (systemCode !== undefined) throw Object.assign(new Error(`${systemCode}: injected`), { code: systemCode });
      return operation(...args);
    };
  }
}
