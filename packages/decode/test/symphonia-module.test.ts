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

describe.each(['symphonia', 'heaac'])('the committed module %s', (name) => {
  const readRecord = () =>
    JSON.parse(read(`${name}-build-record.json`).toString()) as { readonly sha256: string; readonly cargoLockSha256: string };

  test('is the one that its hash and its build record name', () => {
    const hash = sha256(read(`${name}.wasm`));
    expect(read(`${name}.wasm.sha256`).toString()).toBe(`${hash}  ${name}.wasm\n`);
    expect(readRecord().sha256).toBe(hash);
  });

  test('was built from the committed lock file', () => {
    expect(readRecord().cargoLockSha256).toBe(sha256(read('Cargo.lock', new URL(`../${name}-wasm/`, import.meta.url))));
  });

  test('names no path of the machine that built it', () => {
    const text = read(`${name}.wasm`).toString('latin1');
    expect(text.match(/\/(?:root|home|work|tmp)\/[\w./-]+/g)).toBeNull();
  });
});

describe('the module of the decoder', () => {
  test('is at most 550 KB as it is sent', () => {
    expect(brotliCompressSync(read('symphonia.wasm')).length).toBeLessThanOrEqual(550_000);
  });

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
