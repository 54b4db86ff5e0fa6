import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { loadSymphoniaModule } from '../src/symphonia-module.ts';

const folder = new URL('../wasm/', import.meta.url);

function read(name: string, base = folder): Buffer {
  return readFileSync(new URL(name, base));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface BuildRecord {
  readonly cargoLockSha256: string;
  readonly modules: readonly { readonly file: string; readonly sha256: string; readonly brotliBytes: number }[];
}

const record = JSON.parse(read('build-record.json').toString()) as BuildRecord;

describe('the committed modules', () => {
  test('are the ones that the sums and the build record name', () => {
    const sums = record.modules.map(({ file }) => `${sha256(read(file))}  ${file}\n`);
    expect(read('SHA256SUMS').toString()).toBe(sums.join(''));
    for (const module of record.modules) expect(module.sha256).toBe(sha256(read(module.file)));
  });

  test('were built from the committed lock file', () => {
    expect(record.cargoLockSha256).toBe(sha256(read('Cargo.lock', new URL('../symphonia-wasm/', import.meta.url))));
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

  test('stay small: 550 KB compressed with everything, 400 KB for browsers', () => {
    const limits = new Map([
      ['symphonia.wasm', 550_000],
      ['symphonia-browser.wasm', 400_000],
    ]);
    expect(record.modules.map(({ file }) => file)).toEqual([...limits.keys()]);
    for (const { file } of record.modules) {
      expect(brotliCompressSync(read(file)).length, file).toBeLessThanOrEqual(limits.get(file) ?? 0);
    }
  });

  test('is compiled once', async () => {
    expect(await loadSymphoniaModule()).toBe(await loadSymphoniaModule());
  });
});
