import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fixturePath, mediaManifest } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { Decoder } from '../src/decoder.ts';
import { decodeAll } from './decode-all.ts';
import { memorySource } from './byte-sources.ts';

const fixtures = mediaManifest().flatMap(({ path, role }) => (role === 'track' ? [path] : []));

/**
 * Nodes play together what each of them decoded by itself: the bytes alone may decide about the samples. The hashes hold for
 * the committed module on every machine; `npx vitest run -u` writes them anew when a change of the module is meant to
 * change samples.
 */
test.each(fixtures)('%s gives the same samples on every machine, however its bytes arrive', async (path) => {
  const bytes = readFileSync(fixturePath(path));
  const hashes = new Set<string>();
  for (const chunkBytes of [Infinity, 4093]) {
    using decoder = await Decoder.open(memorySource(bytes, { chunkBytes }));
    const { samples } = decodeAll(decoder);
    hashes.add(createHash('sha256').update(new Uint8Array(samples.buffer)).digest('hex').slice(0, 16));
  }
  expect([...hashes]).toMatchSnapshot();
});
