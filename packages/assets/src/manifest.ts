import { stat } from 'node:fs/promises';
import { nodeFileSystem, readAtomic, toStorageError, writeAtomic } from '@tutti/storage';
import type { FileSystem, ResourceOrigin, StorageError } from '@tutti/storage';
import type { ResourceEntry } from './asset-store.ts';
import { isResourcePath } from './resource-key.ts';

/** File name of an asset's manifest. */
export const MANIFEST_NAME = 'manifest.jsonl';
/** A manifest larger than this is not ours: 64 MiB hold some two hundred thousand entries. */
const MAX_MANIFEST_BYTES = 64 * 1024 * 1024;
const MANIFEST_MODE = 0o600;

type ManifestRecord =
  | { readonly type: 'asset'; readonly url: string }
  | { readonly type: 'discard'; readonly relPath: string }
  | ({ readonly type: 'resource' } & ResourceOrigin & Omit<ResourceEntry, 'origin'>);

export interface ManifestOptions {
  readonly path: string;
  /** URL to write into a new manifest. */
  readonly url: string | undefined;
  /** Keep changes in memory only. */
  readonly isReadOnly: boolean;
  readonly fileSystem?: FileSystem;
  /** Told when a line could not be appended: the entry is then known to this process alone, and adopted by the next. */
  readonly onError: (error: StorageError) => void;
}

/**
 * What an asset's complete resources are: an append-only journal, one JSON object a line, the last line about a resource
 * counting. Lines that make no sense are skipped. In memory it is one entry per resource of an open asset.
 *
 * A file that replaces another one is announced first (`announce`, `confirm`): whenever the process or the power goes, the file
 * there is what the last line says or the one before it.
 */
export class Manifest {
  readonly #options: ManifestOptions;
  readonly #fileSystem: FileSystem;
  readonly #entries = new Map<string, ResourceEntry>();
  /** The entries before those that are announced. */
  readonly #replaced = new Map<string, ResourceEntry>();
  #url: string | undefined;
  #lineCount = 0;
  #readBytes = -1;
  #needsNewline = false;
  #appending: Promise<void> = Promise.resolve();
  /** Lines that the next append takes along. */
  #waiting: ManifestRecord[] = [];

  private constructor(options: ManifestOptions) {
    this.#options = options;
    this.#fileSystem = options.fileSystem ?? nodeFileSystem;
    this.#url = options.url;
  }

  /** Reads the journal, or begins an empty one. Throws `StorageError` only when the file cannot be read. */
  static async load(options: ManifestOptions): Promise<Manifest> {
    const manifest = new Manifest(options);
    await manifest.#read();
    return manifest;
  }

  /** Modification time of a file in milliseconds since 1970: that of a manifest says when its asset was used last. */
  static async usedAtMs(path: string): Promise<number | undefined> {
    return stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
  }

  /** URL of the asset; `undefined` when the line that said so is lost. */
  get url(): string | undefined {
    return this.#url;
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  entry(relPath: string): ResourceEntry | undefined {
    return this.#entries.get(relPath);
  }

  entries(): readonly ResourceEntry[] {
    return [...this.#entries.values()];
  }

  /** What the file of a resource may be: its entry, and the one before it while that is being replaced. */
  candidates(relPath: string): readonly ResourceEntry[] {
    return [this.#entries.get(relPath), this.#replaced.get(relPath)].filter((entry) => entry !== undefined);
  }

  /** Begins the journal of a new asset, so that also one with nothing but partial bytes has its URL. */
  async begin(): Promise<void> {
    if (!this.#options.isReadOnly && this.#lineCount === 0) await this.#flush();
  }

  /** Records a resource whose file is in its place. Settles when the line is written, or could not be. */
  async set(entry: ResourceEntry): Promise<void> {
    this.#entries.set(entry.relPath, entry);
    this.#replaced.delete(entry.relPath);
    await this.#append(toRecord(entry));
  }

  /** Records, durably, what the file of a resource is about to be replaced by. `confirm` or `set` follows. */
  async announce(entry: ResourceEntry): Promise<void> {
    this.#replace(entry);
    await this.#append(toRecord(entry));
    await this.#sync();
  }

  /** What was announced is in its place. */
  confirm(relPath: string): void {
    this.#replaced.delete(relPath);
  }

  /** Forgets, durably, a resource whose file is gone: an entry that came back would be held against the next file. */
  async delete(relPath: string): Promise<void> {
    this.#replaced.delete(relPath);
    if (!this.#entries.delete(relPath)) return;
    await this.#append({ type: 'discard', relPath });
    await this.#sync();
  }

  /** Reads again when another process has written since. */
  async refresh(): Promise<void> {
    const size = await sizeOf(this.#options.path);
    if (size !== undefined && size !== this.#readBytes) await this.#read();
  }

  /** Waits for lines on their way and rewrites the journal when it holds lines that no longer count. */
  async compact(): Promise<void> {
    await this.#appending;
    if (this.#options.isReadOnly || this.#lineCount <= this.#entries.size + this.#replaced.size + 1) return;
    const header: ManifestRecord[] = this.#url === undefined ? [] : [{ type: 'asset', url: this.#url }];
    const records = [...header, ...this.#replaced.values().map(toRecord), ...this.entries().map(toRecord)];
    const text = records.map(toLine).join('');
    await writeAtomic(this.#options.path, text, { mode: MANIFEST_MODE, fileSystem: this.#fileSystem });
    this.#lineCount = records.length;
  }

  async #read(): Promise<void> {
    const size = await sizeOf(this.#options.path);
    if (size === undefined || size > MAX_MANIFEST_BYTES) return;
    const bytes = await readAtomic(this.#options.path, { fileSystem: this.#fileSystem });
    if (bytes === undefined) return;
    this.#readBytes = bytes.length;
    this.#entries.clear();
    this.#replaced.clear();
    const text = new TextDecoder().decode(bytes);
    this.#needsNewline = text !== '' && !text.endsWith('\n');
    for (const line of text.split('\n')) {
      if (line === '') continue;
      this.#lineCount += 1;
      const parsed = parseLine(line);
      if (parsed !== undefined) this.#apply(parsed);
    }
  }

  #apply(parsed: ManifestRecord): void {
    switch (parsed.type) {
      case 'asset':
        this.#url = parsed.url;
        return;
      case 'discard':
        this.#entries.delete(parsed.relPath);
        this.#replaced.delete(parsed.relPath);
        return;
      case 'resource':
        this.#replace(toEntry(parsed));
    }
  }

  #replace(entry: ResourceEntry): void {
    const before = this.#entries.get(entry.relPath);
    if (before !== undefined && before.sha256 !== entry.sha256) this.#replaced.set(entry.relPath, before);
    this.#entries.set(entry.relPath, entry);
  }

  async #sync(): Promise<void> {
    if (this.#options.isReadOnly) return;
    const { path } = this.#options;
    try {
      await this.#fileSystem.syncFile(path);
    } catch (error) {
      this.#options.onError(toStorageError(error, `sync ${path}`, path));
    }
  }

  /** Lines that come while an append is under way go out together with the next. */
  #append(line: ManifestRecord): Promise<void> {
    if (this.#options.isReadOnly) return Promise.resolve();
    return this.#waiting.push(line) === 1 ? this.#flush() : this.#appending;
  }

  #flush(): Promise<void> {
    this.#appending = this.#appending.then(() => this.#write(this.#waiting.splice(0)));
    return this.#appending;
  }

  async #write(lines: readonly ManifestRecord[]): Promise<void> {
    const { path, url } = this.#options;
    const isNew = this.#lineCount === 0 && url !== undefined;
    const records: readonly ManifestRecord[] = isNew ? [{ type: 'asset', url }, ...lines] : lines;
    const text = `${this.#needsNewline ? '\n' : ''}${records.map(toLine).join('')}`;
    if (text === '') return;
    try {
      await this.#fileSystem.append(path, text, MANIFEST_MODE);
      this.#needsNewline = false;
      this.#lineCount += records.length;
    } catch (error) {
      // Part of the lines may be there.
      this.#needsNewline = true;
      this.#lineCount += records.length;
      this.#options.onError(toStorageError(error, `append to ${path}`, path));
    }
  }
}

function parseLine(line: string): ManifestRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Readonly<Record<string, unknown>>;
  const { type, url, relPath } = fields;
  if (type === 'asset') return typeof url === 'string' ? { type, url } : undefined;
  if (type === 'discard') return typeof relPath === 'string' ? { type, relPath } : undefined;
  return type === 'resource' ? parseResource(fields) : undefined;
}

function parseResource(fields: Readonly<Record<string, unknown>>): ManifestRecord | undefined {
  const { contentType, finalUrl, isValidated, length, relPath, sha256, totalLength, transformId, validator } = fields;
  if (typeof relPath !== 'string' || !isResourcePath(relPath)) return undefined;
  if (!isOffset(length) || !isAbsentOr(totalLength, isOffset)) return undefined;
  if (!isString(sha256) || !/^[0-9a-f]{64}$/.test(sha256) || !isString(validator) || typeof isValidated !== 'boolean')
    return undefined;
  if (!isAbsentOr(contentType, isString) || !isAbsentOr(transformId, isString) || !isAbsentOr(finalUrl, isString)) return undefined;
  return { type: 'resource', relPath, length, sha256, validator, totalLength, contentType, transformId, finalUrl, isValidated };
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isOffset(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isAbsentOr<T>(value: unknown, is: (value: unknown) => value is T): value is T | undefined {
  return value === undefined || is(value);
}

function toLine(line: ManifestRecord): string {
  return `${JSON.stringify(line)}\n`;
}

function toRecord({ relPath, length, sha256, origin, finalUrl, isValidated }: ResourceEntry): ManifestRecord {
  return { type: 'resource', relPath, length, sha256, ...origin, finalUrl, isValidated };
}

function toEntry(resource: ManifestRecord & { readonly type: 'resource' }): ResourceEntry {
  const { contentType, finalUrl, isValidated, length, relPath, sha256, totalLength, transformId, validator } = resource;
  return { relPath, length, sha256, origin: { validator, totalLength, contentType, transformId }, finalUrl, isValidated };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
