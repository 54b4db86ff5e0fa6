import { readFile, writeFile } from 'node:fs/promises';
import { fixturePath } from '@tutti/fixtures';
import { expect, test } from 'vitest';
import { runTutti, temporaryHome } from './run-tutti.ts';

/** The smallest PNG: one pixel. */
const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** An ID3v2.3 tag that holds nothing but the front cover. */
function coverTag(): Buffer {
  const content = Buffer.concat([Buffer.from('\0image/png\0\x03\0', 'latin1'), png]);
  const frame = Buffer.concat([Buffer.from('APIC'), Buffer.alloc(6), content]);
  frame.writeUInt32BE(content.length, 4);
  const size = [21, 14, 7, 0].map((shift) => (frame.length >> shift) & 0x7f);
  return Buffer.concat([Buffer.from('ID3\x03\0\0', 'latin1'), Buffer.from(size), frame]);
}

test('tutti probe tells of the pictures in a file', async () => {
  await using home = await temporaryHome();
  const bytes = await readFile(fixturePath('piece.mp3'));
  const [a = 0, b = 0, c = 0, d = 0] = bytes.subarray(6, 10);
  const music = bytes.subarray(10 + ((a << 21) | (b << 14) | (c << 7) | d));
  await writeFile(home.file('cover.mp3'), Buffer.concat([coverTag(), music]));

  const result = await runTutti(['probe', home.file('cover.mp3'), '--json'], { home: home.directory });
  expect(result.code, result.stderr).toBe(0);
  const artwork = [{ mediaType: 'image/png', kind: 'Cover (front)', bytes: png.length }];
  expect(result.events()[0]).toMatchObject({ event: 'probe', codec: 'mp3', artwork });
  const text = await runTutti(['probe', home.file('cover.mp3')], { home: home.directory });
  expect(text.stdout.toString()).toMatch(/^artwork +image\/png, \d+ bytes, Cover \(front\)$/m);
});
