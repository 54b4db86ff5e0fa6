import { describe, expect, test } from 'vitest';
import { openMemoryResource, openResourceReader } from '../src/index.ts';
import { streamingResourceSuite } from './streaming-resource-suite.ts';
import { pattern } from './test-bytes.ts';

streamingResourceSuite('a memory resource', async () => openMemoryResource({ label: 'test' }));

describe('a memory resource', () => {
  test('refuses bytes beyond its bound, for every reader', async () => {
    await using resource = openMemoryResource({ label: 'song', maxBytes: 2_000_000 });
    await resource.writeAt(0, pattern(0, 10));
    const reader = openResourceReader(resource.attachReader().handle);
    await expect(resource.writeAt(1_999_999, pattern(0, 2))).rejects.toMatchObject({ code: 'storage/no-space' });
    expect(resource.state).toBe('failed');
    expect(() => reader.read(10, new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'storage/no-space' }));
    expect(reader.read(0, new Uint8Array(20))).toBe(10);
  });

  test('takes a byte far behind a hole without filling the hole', async () => {
    await using resource = openMemoryResource({ label: 'song', maxBytes: 64_000_000 });
    await resource.writeAt(63_000_000, pattern(0, 1));
    expect(resource.presentBytes).toBe(1);
    await expect(resource.readAt(0, new Uint8Array(1))).rejects.toMatchObject({ code: 'storage/not-present' });
  });
});
