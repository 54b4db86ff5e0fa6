/**
 * Shared memory of a PCM ring: header words, marks, samples.
 *
 * Both indices count modulo twice the capacity, so that a full ring and an empty one differ for every capacity.
 */

/** Header words, 32 bits each. */
export const RingWord = {
  capacityFrames: 0,
  channelCount: 1,
  /** Producer's index, modulo twice the capacity. */
  write: 2,
  /** Consumer's index, modulo twice the capacity. */
  read: 3,
  /** Marks pushed and popped, modulo twice `MARK_COUNT`. */
  markWrite: 4,
  markRead: 5,
  /** Generation × 2 + status. A failure does not show here: it travels as a message, with its error. */
  status: 6,
  /** Incremented and notified after everything that a waiting consumer may want to know. */
  published: 7,
  /** 1 while the producer wants a ring of the doorbell. */
  isProducerWaiting: 8,
  lostPackets: 9,
} as const;

/** What the lowest bit of the status word says about the generation in the others. */
export const RingStatus = { open: 0, ended: 1 } as const;

const HEADER_BYTES = 64;

/** Unread jumps of position that a ring can hold; a producer with more waits as if the ring were full. */
export const MARK_COUNT = 64;
const MARK_BYTES = 16;

/** Views over the shared memory of one ring. */
export interface PcmRingViews {
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Media position of each mark's first frame: a double, exact to 2^53. */
  readonly markPositions: Float64Array<SharedArrayBuffer>;
  /** Per mark: the first frame's index, then its generation. */
  readonly markWords: Int32Array<SharedArrayBuffer>;
  readonly samples: Float32Array<SharedArrayBuffer>;
  readonly capacityFrames: number;
  readonly channelCount: number;
}

/** Makes the memory of an empty ring that holds `capacityFrames` frames of `channelCount` samples. */
export function allocatePcmRing(options: { readonly capacityFrames: number; readonly channelCount: number }): SharedArrayBuffer {
  const { capacityFrames, channelCount } = options;
  if (!(Number.isInteger(capacityFrames) && capacityFrames > 0 && Number.isInteger(channelCount) && channelCount > 0)) {
    throw new RangeError(`allocate pcm ring: ${capacityFrames} frames of ${channelCount} channels`);
  }
  const buffer = new SharedArrayBuffer(
    HEADER_BYTES + MARK_COUNT * MARK_BYTES + capacityFrames * channelCount * Float32Array.BYTES_PER_ELEMENT,
  );
  const words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  words[RingWord.capacityFrames] = capacityFrames;
  words[RingWord.channelCount] = channelCount;
  return buffer;
}

/** Views of a ring made by `allocatePcmRing`. */
export function viewPcmRing(buffer: SharedArrayBuffer): PcmRingViews {
  const words = new Int32Array(buffer, 0, HEADER_BYTES / 4);
  const samplesOffset = HEADER_BYTES + MARK_COUNT * MARK_BYTES;
  return {
    words,
    markPositions: new Float64Array(buffer, HEADER_BYTES, MARK_COUNT),
    markWords: new Int32Array(buffer, HEADER_BYTES + MARK_COUNT * 8, MARK_COUNT * 2),
    samples: new Float32Array(buffer, samplesOffset),
    capacityFrames: words[RingWord.capacityFrames] ?? 0,
    channelCount: words[RingWord.channelCount] ?? 0,
  };
}

/** How far `to` lies ahead of `from`, both modulo twice `capacity`. */
export function ringDistance(from: number, to: number, capacity: number): number {
  return to >= from ? to - from : to - from + 2 * capacity;
}

/** `index + count` modulo twice `capacity`. */
export function ringAdvance(index: number, count: number, capacity: number): number {
  const next = index + count;
  return next >= 2 * capacity ? next - 2 * capacity : next;
}

/** The slot that an index addresses. */
export function ringSlot(index: number, capacity: number): number {
  return index >= capacity ? index - capacity : index;
}
