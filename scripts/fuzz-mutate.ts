/** What the fuzzer does to a file: small lies, torn blocks, wrong lengths. All of it follows from the random numbers given. */

/** Uniform in [0, 1). */
export type Random = () => number;

/** Larger files are cut to a stretch, mostly their head: an input shall take milliseconds. */
const MAX_INPUT_BYTES = 192 * 1024;
/** Values that parsers compute with: nothing, all, the signs' edges, and sizes of about one block. */
const EXTREMES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000];
const MAX_MUTATIONS = 12;

type Mutation = (bytes: Buffer, other: Uint8Array, random: Random) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  flipBits,
  overwriteHead,
  overwriteNumber,
  overwriteNumber,
  fillBlock,
  removeBlock,
  repeatBlock,
  truncate,
  splice,
];

/** A damaged copy of `bytes`; some of it may come from `other`. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let mutant: Buffer = Buffer.from(stretchOf(bytes, random));
  const count = 1 + Math.floor(random() ** 2 * MAX_MUTATIONS);
  for (let n = 0; n < count && mutant.length > 0; n += 1) mutant = pick(MUTATIONS, random)(mutant, other, random);
  return mutant;
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('pick: there are no items');
  return item;
}

function stretchOf(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length <= MAX_INPUT_BYTES) return bytes;
  const isHead = random() < 0.9;
  const start = isHead ? 0 : Math.floor(random() * (bytes.length - MAX_INPUT_BYTES));
  return bytes.subarray(start, start + MAX_INPUT_BYTES);
}

function flipBits(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const count = 1 + Math.floor(random() ** 3 * 200);
  for (let n = 0; n < count; n += 1) {
    const at = offset(bytes, random);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
  }
  return bytes;
}

/** Headers stand at the front. */
function overwriteHead(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const end = Math.min(bytes.length, 2048);
  const count = 1 + Math.floor(random() * 4);
  for (let n = 0; n < count; n += 1) bytes[Math.floor(random() * end)] = Math.floor(random() * 256);
  return bytes;
}

function overwriteNumber(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const width = pick([1, 2, 4], random);
  if (bytes.length < width) return bytes;
  const at = Math.min(offset(bytes, random), bytes.length - width);
  const value = pick(EXTREMES, random) % 2 ** (8 * width);
  if (random() < 0.5) bytes.writeUIntBE(value, at, width);
  else bytes.writeUIntLE(value, at, width);
  return bytes;
}

function fillBlock(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const [start, end] = block(bytes, random);
  return bytes.fill(pick([0, 0xff, 0x55], random), start, end);
}

function removeBlock(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const [start, end] = block(bytes, random);
  return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)]);
}

function repeatBlock(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  const [start, end] = block(bytes, random);
  return Buffer.concat([bytes.subarray(0, end), bytes.subarray(start)]);
}

function truncate(bytes: Buffer, _other: Uint8Array, random: Random): Buffer {
  return bytes.subarray(0, offset(bytes, random));
}

function splice(bytes: Buffer, other: Uint8Array, random: Random): Buffer {
  const [start, end] = block(bytes, random);
  const from = Math.floor(random() * other.length);
  return Buffer.concat([bytes.subarray(0, start), other.subarray(from, from + end - start), bytes.subarray(end)]);
}

/** Half of the damage lands in the head. */
function offset(bytes: Uint8Array, random: Random): number {
  return Math.floor(random() * (random() < 0.5 ? Math.min(bytes.length, 4096) : bytes.length));
}

function block(bytes: Uint8Array, random: Random): readonly [number, number] {
  const start = offset(bytes, random);
  return [start, Math.min(bytes.length, start + 1 + Math.floor(random() ** 2 * 8192))];
}
