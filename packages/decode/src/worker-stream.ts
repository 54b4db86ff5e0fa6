import type { ByteSource, CreateByteSource, ReaderContext } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import { Decoder } from './decoder.ts';
import { allocatePcmRing } from './pcm-ring-layout.ts';
import { PcmRingProducer } from './pcm-ring.ts';
import { recordError } from './worker-error.ts';
import type { OpenCommand, SeekCommand, WorkerReply } from './worker-protocol.ts';

/** Bounds a ring whatever sample rate and channel count a file claims. */
const MAX_RING_BYTES = 32 * 1024 * 1024;
/** Holds the longest packet of any codec, so that a tiny ring does not cut every packet. */
const MIN_RING_FRAMES = 8192;

/** What a stream needs of the loop that runs it. */
export interface StreamHost {
  readonly doorbell: Int32Array<SharedArrayBuffer>;
  /** Takes commands without waiting. */
  drain(): void;
  post(reply: WorkerReply): void;
  /** Resolves like `work`, or with `undefined` when `isPointless` becomes true by a command before. */
  settle<T>(work: Promise<T>, isPointless: () => boolean): Promise<T | undefined>;
}

/** `queued` → `decoding` ⇄ `ended`; any → `failed` or `closed`. */
type StreamPhase = 'queued' | 'decoding' | 'ended' | 'failed' | 'closed';

/** One stream inside the decode thread: its byte source, decoder and ring. */
export class WorkerStream {
  readonly #host: StreamHost;
  readonly #command: OpenCommand;
  #phase: StreamPhase = 'queued';
  #source: ByteSource | undefined;
  #decoder: Decoder | undefined;
  #producer: PcmRingProducer | undefined;
  #pendingSeek: SeekCommand | undefined;
  #isClosing = false;
  #isBusy = false;
  /** Decoded frames that did not fit the ring yet: a view into decoder memory. */
  #rest: Float32Array | undefined;
  #restPosition = 0;

  constructor(command: OpenCommand, host: StreamHost) {
    this.#command = command;
    this.#host = host;
  }

  get streamId(): number {
    return this.#command.streamId;
  }

  get phase(): StreamPhase {
    return this.#phase;
  }

  /** Holds a decoder. */
  get isOpen(): boolean {
    return this.#phase === 'decoding' || this.#phase === 'ended';
  }

  /** Queues a seek; a read that waits for the old position is given up. */
  requestSeek(command: SeekCommand): void {
    this.#pendingSeek = command;
  }

  /** Closes at once, or as soon as the call of the decoder that is running was given up. */
  requestClose(): void {
    this.#isClosing = true;
    if (!this.#isBusy) this.#close();
  }

  /** Makes byte source and decoder, and answers `opened`, `open-failed`, or `closed` when a close came before. */
  async open(): Promise<void> {
    this.#isBusy = true;
    try {
      const source = await this.#createSource();
      if (source === undefined) return;
      this.#source = this.#watch(source);
      const { module, hint } = this.#command;
      this.#decoder = await Decoder.open(this.#source, { module, ...(hint && { hint }) });
      if (this.#command.startFrame > 0) this.#decoder.seek(this.#command.startFrame);
      const { info } = this.#decoder;
      const ring = allocatePcmRing({
        capacityFrames: this.#capacityFrames(info.sampleRate, info.channelCount),
        channelCount: info.channelCount,
      });
      this.#producer = new PcmRingProducer(ring);
      this.#phase = 'decoding';
      this.#host.post({ type: 'opened', streamId: this.streamId, info, ring });
    } catch (error) {
      if (this.#isClosing) return;
      this.#release();
      this.#phase = 'failed';
      this.#host.post({ type: 'open-failed', streamId: this.streamId, error: recordError(error) });
    } finally {
      this.#isBusy = false;
      if (this.#isClosing) this.#close();
    }
  }

  /** Seeks if asked to, writes what the ring takes, decodes the next packet. False when there is nothing to do now. */
  step(): boolean {
    if (!this.isOpen) return false;
    this.#isBusy = true;
    try {
      if (this.#pendingSeek !== undefined) return this.#seek(this.#pendingSeek);
      return this.#phase === 'decoding' && (this.#flush() || this.#decode());
    } catch (error) {
      // What interrupted is a seek or a close: the next step, or the lines below, act on it.
      if (!this.#isInterrupted) this.#fail(error);
      return true;
    } finally {
      this.#isBusy = false;
      if (this.#isClosing) this.#close();
    }
  }

  /** Whether the stream cannot go on before its consumer reads, having asked the consumer for the doorbell. */
  isBlockedOnRing(): boolean {
    return this.#phase !== 'decoding' || this.#rest === undefined || this.#producer === undefined || this.#producer.requestWake();
  }

  get #isInterrupted(): boolean {
    return this.#isClosing || this.#pendingSeek !== undefined;
  }

  async #createSource(): Promise<ByteSource | undefined> {
    const { readerModule, readerData } = this.#command;
    const create = await this.#host.settle(importReader(readerModule), () => this.#isClosing);
    if (create === undefined) return undefined;
    const made = Promise.resolve(create(readerData, this.#context())).then((source) => {
      if (typeof source?.readAt !== 'function')
        throw new DecodeError('decode/source', `open ${readerModule}: no byte source was made`);
      return source;
    });
    const source = await this.#host.settle(made, () => this.#isClosing);
    // Too late to be wanted, but it may hold files: it is closed whenever it comes.
    if (source === undefined) void made.then((late) => late.close()).catch(() => undefined);
    return source;
  }

  #context(): ReaderContext {
    const { doorbell } = this.#host;
    return {
      doorbell,
      wait: (seen) => {
        this.#throwIfInterrupted();
        Atomics.wait(doorbell, 0, seen);
        this.#throwIfInterrupted();
      },
    };
  }

  /** Takes commands and gives the read up when one of them made it pointless. */
  #throwIfInterrupted(): void {
    this.#host.drain();
    if (this.#isInterrupted) throw new DecodeError('decode/interrupted', 'read interrupted by a seek or a close');
  }

  /** Long scans that never wait notice commands too: whenever the doorbell rang since the last read. */
  #watch(source: ByteSource): ByteSource {
    const { doorbell } = this.#host;
    let seen = Atomics.load(doorbell, 0);
    return {
      get length() {
        return source.length;
      },
      readAt: (position, into) => {
        const now = Atomics.load(doorbell, 0);
        if (now !== seen) {
          seen = now;
          this.#throwIfInterrupted();
        }
        return source.readAt(position, into);
      },
      close: () => source.close(),
    };
  }

  #seek(command: SeekCommand): boolean {
    const { streamId } = this;
    this.#pendingSeek = undefined;
    this.#rest = undefined;
    try {
      const landedFrame = this.#decoder?.seek(command.frame) ?? 0;
      this.#begin(command.generation);
      this.#host.post({ type: 'sought', streamId, generation: command.generation, landedFrame });
    } catch (error) {
      if (this.#isInterrupted) return true;
      if (!(error instanceof DecodeError && error.isRecoverable)) throw error;
      this.#begin(command.generation);
      this.#host.post({ type: 'seek-failed', streamId, generation: command.generation, error: recordError(error) });
    }
    return true;
  }

  #begin(generation: number): void {
    this.#producer?.beginGeneration(generation);
    this.#phase = 'decoding';
  }

  /** Writes what waits; true when the ring took some of it. */
  #flush(): boolean {
    if (this.#rest === undefined || this.#producer === undefined) return false;
    const channelCount = this.#decoder?.info.channelCount ?? 1;
    const written = this.#producer.write(this.#rest, this.#restPosition);
    this.#restPosition += written;
    this.#rest = this.#rest.subarray(written * channelCount);
    if (this.#rest.length === 0) this.#rest = undefined;
    return written > 0;
  }

  #decode(): boolean {
    if (this.#rest !== undefined || this.#decoder === undefined || this.#producer === undefined) return false;
    const chunk = this.#decoder.decode();
    this.#producer.lostPackets = this.#decoder.lostPackets;
    if (chunk === undefined) {
      this.#phase = 'ended';
      this.#producer.end();
    } else if (chunk.frameCount > 0) {
      this.#rest = chunk.samples;
      this.#restPosition = chunk.positionFrames;
      this.#flush();
    }
    return true;
  }

  #fail(error: unknown): void {
    this.#release();
    this.#phase = 'failed';
    this.#host.post({ type: 'failed', streamId: this.streamId, error: recordError(error) });
  }

  #close(): void {
    if (this.#phase === 'closed') return;
    this.#release();
    this.#producer = undefined;
    this.#phase = 'closed';
    this.#host.post({ type: 'closed', streamId: this.streamId });
  }

  /** Closes decoder and source; what they throw then has no one to go to. */
  #release(): void {
    const owned = [this.#decoder, this.#source];
    this.#decoder = undefined;
    this.#source = undefined;
    this.#rest = undefined;
    for (const item of owned) {
      try {
        item?.close();
      } catch {
        continue;
      }
    }
  }

  #capacityFrames(sampleRate: number, channelCount: number): number {
    const wanted = Math.max(MIN_RING_FRAMES, Math.ceil(sampleRate * this.#command.ringSeconds));
    return Math.min(wanted, Math.floor(MAX_RING_BYTES / (channelCount * Float32Array.BYTES_PER_ELEMENT)));
  }
}

async function importReader(readerModule: string): Promise<CreateByteSource> {
  let loaded: { readonly createByteSource?: unknown };
  try {
    loaded = (await import(readerModule)) as typeof loaded;
  } catch (cause) {
    throw new DecodeError('decode/source', `import reader ${readerModule}: failed`, { cause });
  }
  if (typeof loaded.createByteSource !== 'function') {
    throw new DecodeError('decode/source', `import reader ${readerModule}: it exports no createByteSource`);
  }
  return loaded.createByteSource as CreateByteSource;
}
