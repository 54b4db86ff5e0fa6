import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadSymphoniaModule } from '../src/symphonia-module.ts';

const folder = new URL('../wasm/', import.meta.url);

function read(name: string, base = folder): Buffer {
  return readFileSync(new URL(name, base));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('the committed module', () => {
  test('is the one that its hash and its build record name', () => {
    const hash = sha256(read('symphonia.wasm'));
    expect(read('symphonia.wasm.sha256').toString()).toBe(`${hash}  symphonia.wasm\n`);
    expect(JSON.parse(read('build-record.json').toString())).toMatchObject({ sha256: hash });
  });

  test('was built from the committed lock file', () => {
    const record = JSON.parse(read('build-record.json').toString()) as { readonly cargoLockSha256: string };
    expect(record.cargoLockSha256).toBe(sha256(read('Cargo.lock', new URL('../symphonia-wasm/', import.meta.url))));
  });

  test('names no path of the machine that built it', () => {
    const text = read('symphonia.wasm').toString('latin1');
    expect(text.match(/\/(?:root|home|work|tmp)\/[\w./-]+/g)).toBeNull();
  });

  test('is compiled once', async () => {
    expect(await loadSymphoniaModule()).toBe(await loadSymphoniaModule());
  });
});
