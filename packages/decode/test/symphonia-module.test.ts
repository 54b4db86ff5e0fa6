import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { bytesSource } from '../src/bytes-source.ts';
import { instantiateSymphonia, loadSymphoniaModule } from '../src/symphonia-module.ts';

const folder = new URL('../wasm/', import.meta.url);

function read(name: string, base = folder): Buffer {
  return readFileSync(new URL(name, base));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface BuildRecord {
  readonly crates: readonly { readonly name: string; readonly cargoLockSha256: string }[];
  readonly modules: readonly { readonly file: string; readonly sha256: string; readonly brotliBytes: number }[];
}

const record = JSON.parse(read('build-record.json').toString()) as BuildRecord;

describe('the committed modules', () => {
  test('are the ones that the sums and the build record name', () => {
    const sums = record.modules.map(({ file }) => `${sha256(read(file))}  ${file}\n`);
    expect(read('SHA256SUMS').toString()).toBe(sums.join(''));
    for (const module of record.modules) expect(module.sha256).toBe(sha256(read(module.file)));
  });

  test('were built from the committed lock files', () => {
    expect(record.crates.map(({ name }) => name)).toEqual(['symphonia', 'heaac']);
    for (const { name, cargoLockSha256 } of record.crates) {
      expect(cargoLockSha256).toBe(sha256(read('Cargo.lock', new URL(`../${name}-wasm/`, import.meta.url))));
    }
  });

  test('name no path of the machine that built them', () => {
    for (const { file } of record.modules) {
      expect(
        read(file)
          .toString('latin1')
          .match(/\/(?:root|home|work|tmp)\/[\w./-]+/g),
      ).toBeNull();
    }
  });

  test('stay small: 550 KB compressed with everything, 400 KB for browsers, 150 KB for HE-AAC', () => {
    const limits = new Map([
      ['symphonia.wasm', 550_000],
      ['symphonia-browser.wasm', 400_000],
      ['heaac.wasm', 150_000],
    ]);
    expect(record.modules.map(({ file }) => file)).toEqual([...limits.keys()]);
    for (const { file } of record.modules) {
      expect(brotliCompressSync(read(file)).length, file).toBeLessThanOrEqual(limits.get(file) ?? 0);
    }
  });
});

describe('the module of the decoder', () => {
  test('takes at most 256 MiB of memory, whatever it decodes', async () => {
    const { exports } = instantiateSymphonia(await loadSymphoniaModule(), bytesSource(new Uint8Array(0)));
    const pages = exports.memory.buffer.byteLength / 65_536;
    expect(() => exports.memory.grow(4096 - pages)).not.toThrow();
    expect(() => exports.memory.grow(1)).toThrow(RangeError);
  });

  test('is compiled once', async () => {
    expect(await loadSymphoniaModule()).toBe(await loadSymphoniaModule());
  });
});
