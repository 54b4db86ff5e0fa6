import {
  MARK_COUNT,
  ringAdvance,
  ringDistance,
  ringSlot,
  RingStatus,
  RingWord,
  viewPcmRing,
  type PcmRingViews,
} from './pcm-ring-layout.ts';

/**
 * What a read of PCM gave: frames and the media position of the first of them, nothing yet, or the end of the stream.
 * One read never joins frames across a jump of position.
 */
export type PcmRead =
  | { readonly kind: 'pcm'; readonly frameCount: number; readonly positionFrames: number }
  | { readonly kind: 'empty' }
  | { readonly kind: 'end' };

const EMPTY = { kind: 'empty' } as const;
const END = { kind: 'end' } as const;

/** The producer sleeps until a quarter of the ring is free, so that it wakes per burst and not per read. */
const WAKE_FREE_DIVISOR = 4;

/** The writing side: lives in the decode worker, never blocks by itself. */
export class PcmRingProducer {
  readonly #ring: PcmRingViews;
  #generation = 0;
  #markedGeneration = -1;
  #nextPosition = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#ring = viewPcmRing(buffer);
  }

  /** Frames that can be written now. */
  get freeFrames(): number {
    const { words, capacityFrames } = this.#ring;
    if (this.#freeMarks === 0) return 0;
    return capacityFrames - ringDistance(Atomics.load(words, RingWord.read), Atomics.load(words, RingWord.write), capacityFrames);
  }

  get #freeMarks(): number {
    const { words } = this.#ring;
    return MARK_COUNT - ringDistance(Atomics.load(words, RingWord.markRead), Atomics.load(words, RingWord.markWrite), MARK_COUNT);
  }

  set lostPackets(count: number) {
    Atomics.store(this.#ring.words, RingWord.lostPackets, count);
  }

  /**
   * Copies as many whole frames of `samples` as fit; the first is at `positionFrames` of the media. Returns how many.
   * Frames stay in order; what did not fit is offered again later.
   */
  write(samples: Float32Array, positionFrames: number): number {
    const { words, capacityFrames, channelCount } = this.#ring;
    const frameCount = Math.min(this.freeFrames, Math.floor(samples.length / channelCount));
    if (frameCount === 0) return 0;
    const write = Atomics.load(words, RingWord.write);
    if (this.#markedGeneration !== this.#generation || positionFrames !== this.#nextPosition) this.#pushMark(write, positionFrames);
    const slot = ringSlot(write, capacityFrames);
    const head = Math.min(frameCount, capacityFrames - slot);
    this.#ring.samples.set(samples.subarray(0, head * channelCount), slot * channelCount);
    if (head < frameCount) this.#ring.samples.set(samples.subarray(head * channelCount, frameCount * channelCount), 0);
    this.#nextPosition = positionFrames + frameCount;
    Atomics.store(words, RingWord.write, ringAdvance(write, frameCount, capacityFrames));
    this.#publish();
    return frameCount;
  }

  /** Everything written from now on belongs to `generation`; the consumer drops what is older once it expects it. */
  beginGeneration(generation: number): void {
    this.#generation = generation;
    this.#setStatus(RingStatus.open);
  }

  /** Nothing follows in this generation. */
  end(): void {
    this.#setStatus(RingStatus.ended);
  }

  /**
   * Asks for the doorbell when frames become free, and says whether waiting for it is right: false when there is room
   * already. Call after loading the doorbell and before waiting on the loaded value.
   */
  requestWake(): boolean {
    Atomics.store(this.#ring.words, RingWord.isProducerWaiting, 1);
    return this.freeFrames === 0;
  }

  #pushMark(index: number, positionFrames: number): void {
    const { words, markPositions, markWords } = this.#ring;
    const markWrite = Atomics.load(words, RingWord.markWrite);
    const slot = ringSlot(markWrite, MARK_COUNT);
    markPositions[slot] = positionFrames;
    markWords[2 * slot] = index;
    markWords[2 * slot + 1] = this.#generation;
    this.#markedGeneration = this.#generation;
    Atomics.store(words, RingWord.markWrite, ringAdvance(markWrite, 1, MARK_COUNT));
  }

  #setStatus(status: number): void {
    Atomics.store(this.#ring.words, RingWord.status, (this.#generation << 1) | status);
    this.#publish();
  }

  #publish(): void {
    Atomics.add(this.#ring.words, RingWord.published, 1);
    Atomics.notify(this.#ring.words, RingWord.published);
  }
}

/** The reading side: lives in the main thread and never blocks. Rings the producer's doorbell when it made room. */
export class PcmRingConsumer {
  readonly #ring: PcmRingViews;
  readonly #doorbell: Int32Array<SharedArrayBuffer>;
  #expectedGeneration = 0;
  #generation = -1;
  #nextPosition = 0;

  constructor(buffer: SharedArrayBuffer, doorbell: SharedArrayBuffer) {
    this.#ring = viewPcmRing(buffer);
    this.#doorbell = new Int32Array(doorbell);
  }

  get capacityFrames(): number {
    return this.#ring.capacityFrames;
  }

  get channelCount(): number {
    return this.#ring.channelCount;
  }

  get lostPackets(): number {
    return Atomics.load(this.#ring.words, RingWord.lostPackets);
  }

  /** Frames of the expected generation that can be read now. */
  get bufferedFrames(): number {
    this.#dropStale();
    return this.#generation === this.#expectedGeneration ? this.#availableFrames() : 0;
  }

  /** From now on frames of another generation are dropped unread, and their end is not the end. */
  expectGeneration(generation: number): void {
    this.#expectedGeneration = generation;
    this.#dropStale();
  }

  /** Copies up to `into.length / channelCount` frames. The end comes only after every frame before it was read. */
  read(into: Float32Array): PcmRead {
    const { words, capacityFrames, channelCount, samples } = this.#ring;
    // Loaded before the write index: every frame before an end is then visible.
    const status = Atomics.load(words, RingWord.status);
    this.#dropStale();
    const run = this.#currentRun();
    if (run === 0) return this.#withoutFrames(status);
    const frameCount = Math.min(run, Math.floor(into.length / channelCount));
    if (frameCount === 0) return EMPTY;
    const slot = ringSlot(Atomics.load(words, RingWord.read), capacityFrames);
    const head = Math.min(frameCount, capacityFrames - slot);
    into.set(samples.subarray(slot * channelCount, (slot + head) * channelCount), 0);
    if (head < frameCount) into.set(samples.subarray(0, (frameCount - head) * channelCount), head * channelCount);
    const positionFrames = this.#nextPosition;
    this.#consume(frameCount);
    return { kind: 'pcm', frameCount, positionFrames };
  }

  /** Whether `read` would give something other than `empty`. */
  get isReadable(): boolean {
    const status = Atomics.load(this.#ring.words, RingWord.status);
    return this.bufferedFrames > 0 || this.#withoutFrames(status).kind !== 'empty';
  }

  /** The value to pass to `waitPublished`; load it before checking what one waits for. */
  get published(): number {
    return Atomics.load(this.#ring.words, RingWord.published);
  }

  /** Resolves when the producer published anything after `seen` was loaded, or `wake` was called. Never times out. */
  async waitPublished(seen: number): Promise<void> {
    const waiting = Atomics.waitAsync(this.#ring.words, RingWord.published, seen);
    if (waiting.async) await waiting.value;
  }

  /** Wakes every `waitPublished`. */
  wake(): void {
    Atomics.add(this.#ring.words, RingWord.published, 1);
    Atomics.notify(this.#ring.words, RingWord.published);
  }

  #withoutFrames(status: number): PcmRead {
    return status >> 1 === this.#expectedGeneration && (status & 1) === RingStatus.ended ? END : EMPTY;
  }

  #availableFrames(): number {
    const { words, capacityFrames } = this.#ring;
    return ringDistance(Atomics.load(words, RingWord.read), Atomics.load(words, RingWord.write), capacityFrames);
  }

  /** Takes the marks that begin at the read index, then says how many frames follow without a jump. */
  #currentRun(): number {
    const { words, markPositions, markWords, capacityFrames } = this.#ring;
    // The write index first: marks of every frame before it are then visible.
    const available = this.#availableFrames();
    const read = Atomics.load(words, RingWord.read);
    for (;;) {
      const markRead = Atomics.load(words, RingWord.markRead);
      if (markRead === Atomics.load(words, RingWord.markWrite)) return available;
      const slot = ringSlot(markRead, MARK_COUNT);
      const distance = ringDistance(read, markWords[2 * slot] ?? 0, capacityFrames);
      if (distance > 0) return Math.min(available, distance);
      this.#nextPosition = markPositions[slot] ?? 0;
      this.#generation = markWords[2 * slot + 1] ?? 0;
      Atomics.store(words, RingWord.markRead, ringAdvance(markRead, 1, MARK_COUNT));
    }
  }

  #dropStale(): void {
    for (let run = this.#currentRun(); run > 0 && this.#generation !== this.#expectedGeneration; run = this.#currentRun())
      this.#consume(run);
  }

  #consume(frameCount: number): void {
    const { words, capacityFrames } = this.#ring;
    Atomics.store(words, RingWord.read, ringAdvance(Atomics.load(words, RingWord.read), frameCount, capacityFrames));
    this.#nextPosition += frameCount;
    if (Atomics.load(words, RingWord.isProducerWaiting) === 0) return;
    if (capacityFrames - this.#availableFrames() < Math.ceil(capacityFrames / WAKE_FREE_DIVISOR)) return;
    Atomics.store(words, RingWord.isProducerWaiting, 0);
    Atomics.add(this.#doorbell, 0, 1);
    Atomics.notify(this.#doorbell, 0);
  }
}
