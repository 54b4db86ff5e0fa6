/** Opens a file several times, plays and seeks in each, and prints by how many bytes a track has made this process grow. */
import { fixturePath } from '@tutti/fixtures';
import { Decoder } from '../src/decoder.ts';
import { fileByteSource } from '../src/file-source.ts';

const tracks = 8;
const path = fixturePath(process.argv[2] ?? '');

async function play(): Promise<Decoder> {
  const decoder = await Decoder.open(fileByteSource(path));
  for (let chunk = 0; chunk < 100; chunk += 1) decoder.decode();
  decoder.seek(500_000);
  decoder.decode();
  return decoder;
}

// What is loaded once is not a track's.
(await play()).close();
const before = process.memoryUsage().rss;
const decoders = await Promise.all(Array.from({ length: tracks }, play));
process.stdout.write(`${(process.memoryUsage().rss - before) / tracks}\n`);
for (const decoder of decoders) decoder.close();
