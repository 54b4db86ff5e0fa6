import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { CreateByteSource, ReaderContext } from '../src/byte-source.ts';
import { createByteSource as createBytes, bytesSource } from '../src/bytes-source.ts';
import { createByteSource as createFile, fileByteSource } from '../src/file-source.ts';
import { readAll } from './byte-sources.ts';

const directory = mkdtempSync(join(tmpdir(), 'tutti-'));
afterAll(() => rmSync(directory, { recursive: true }));

const content = Buffer.from(Array.from({ length: 10_000 }, (_, n) => (n * 31) & 0xff));
const path = join(directory, 'content');
writeFileSync(path, content);
const context: ReaderContext = { doorbell: new Int32Array(new SharedArrayBuffer(4)), wait() {} };

const sources: readonly [string, CreateByteSource, unknown][] = [
  ['file', createFile, { path }],
  ['bytes', createBytes, { bytes: content }],
];

describe.each(sources)('the %s source', (_name, create, readerData) => {
  test('reads by position and gives 0 only at the end', async () => {
    const source = await create(readerData, context);
    expect(source.length).toBe(content.length);
    expect(Buffer.compare(readAll(source, 777), content)).toBe(0);
    const into = new Uint8Array(10);
    expect(source.readAt(9995, into)).toBe(5);
    expect(into.subarray(0, 5)).toEqual(new Uint8Array(content.subarray(9995)));
    expect(source.readAt(20_000, into)).toBe(0);
    source.close();
    source.close();
  });

  test('refuses reader data of another shape', () => {
    expect(() => create(undefined, context)).toThrow(expect.objectContaining({ code: 'decode/source' }));
    expect(() => create({ path: 7, bytes: 'x' }, context)).toThrow(expect.objectContaining({ code: 'decode/source' }));
  });
});

test('a file that is not there gives the error of the file system', () => {
  expect(() => fileByteSource(join(directory, 'absent'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});

test('a folder is no byte source', () => {
  expect(() => fileByteSource(directory)).toThrow(expect.objectContaining({ code: 'decode/source' }));
});

test('a closed file source is not read', () => {
  const source = fileByteSource(path);
  source.close();
  expect(() => source.readAt(0, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'decode/source' }));
});

test('bytes are not copied', () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const source = bytesSource(bytes);
  bytes[0] = 9;
  const into = new Uint8Array(3);
  source.readAt(0, into);
  expect(into[0]).toBe(9);
});
