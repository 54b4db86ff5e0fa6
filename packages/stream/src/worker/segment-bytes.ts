import type { ByteSource, ReaderContext } from '@tutti/decode';
import { openResourceReader, RemoteFailure, type ResourceReader } from '@tutti/storage';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { ReaderData, SegmentCommand, SegmentPosition } from '../reader-messages.ts';
import { StreamError } from '../stream-error.ts';
import { originalFailure } from './original-failure.ts';

/** Bytes behind the reader that stay readable, for a decoder that looks twice while it finds out the format. */
const rewindBytes = 1024 * 1024;

/** A stretch of one resource, at its place in the joined stream. */
interface Part {
  readonly reader: ResourceReader;
  /** Offset in the resource of the part's first byte. */
  readonly start: number;
  /** Offset in the resource after its last byte; `undefined` until the resource is committed. */
  end: number | undefined;
}

/** Segments joined into one stream, appended by the main thread while it plays. */
export function segmentBytes({ label, port }: Extract<ReaderData, { kind: 'segments' }>, context: ReaderContext): ByteSource {
  const parts = new PartList(label);
  const report = new SegmentReport(port);
  let isFinished = false;
  let failure: RemoteFailure | undefined;
  const drain = (): void => {
    for (let received = receiveMessageOnPort(port); received !== undefined; received = receiveMessageOnPort(port)) {
      const command = received.message as SegmentCommand;
      if (command.type === 'append') parts.append(command);
      else if (command.type === 'finish') isFinished = true;
      else failure = new RemoteFailure(command.failure);
    }
  };
  return {
    length: undefined,
    readAt(position, into) {
      if (into.length === 0) return 0;
      for (;;) {
        const seen = Atomics.load(context.doorbell, 0);
        drain();
        const read = parts.read(position, into);
        if (typeof read.outcome === 'number') {
          report.post({ ...read.place, state: 'reading' });
          return read.outcome;
        }
        if (read.outcome === 'starved') {
          if (failure !== undefined) throw failure;
          if (isFinished) {
            report.post({ ...read.place, state: 'ended' });
            return 0;
          }
        }
        report.post({ ...read.place, state: read.outcome });
        context.wait(seen);
      }
    },
    close() {
      port.close();
    },
  };
}

interface PartRead {
  readonly outcome: number | 'waiting' | 'starved';
  readonly place: Omit<SegmentPosition, 'state'>;
}

/** The parts that are still held, and where they lie in the joined stream. */
class PartList {
  readonly #label: string;
  readonly #held: Part[] = [];
  #droppedCount = 0;
  /** Offset in the joined stream of the first part that is held. */
  #heldStart = 0;

  constructor(label: string) {
    this.#label = label;
  }

  append({ handle, range }: Extract<SegmentCommand, { type: 'append' }>): void {
    this.#held.push({ reader: openResourceReader(handle), start: range?.start ?? 0, end: range?.end });
  }

  read(position: number, into: Uint8Array): PartRead {
    if (position < this.#heldStart) {
      throw new StreamError(
        'stream/unreadable',
        `read ${this.#label} at ${position}: the bytes before ${this.#heldStart} are gone`,
        {
          label: this.#label,
        },
      );
    }
    let partStart = this.#heldStart;
    for (const part of this.#held) {
      const offset = part.start + position - partStart;
      const outcome = readPart(part, offset, into);
      if (outcome !== 'end') {
        this.#dropBefore(position - rewindBytes);
        return { outcome, place: this.#place(this.#held.indexOf(part), offset) };
      }
      partStart += (part.end ?? 0) - part.start;
    }
    return { outcome: 'starved', place: this.#place(this.#held.length, 0) };
  }

  #place(heldIndex: number, position: number): PartRead['place'] {
    return { partIndex: this.#droppedCount + heldIndex, position, droppedCount: this.#droppedCount };
  }

  #dropBefore(limit: number): void {
    for (let first = this.#held[0]; first?.end !== undefined; first = this.#held[0]) {
      const end = this.#heldStart + first.end - first.start;
      if (end > limit) return;
      this.#held.shift();
      this.#heldStart = end;
      this.#droppedCount += 1;
    }
  }
}

/** Reads at an offset of the part's resource; learns the part's end where it is met. */
function readPart(part: Part, offset: number, into: Uint8Array): number | 'waiting' | 'end' {
  if (part.end !== undefined && offset >= part.end) return 'end';
  const room = part.end === undefined ? into.length : Math.min(into.length, part.end - offset);
  try {
    const read = part.reader.read(offset, into.subarray(0, room));
    if (read === 'absent') return 'waiting';
    if (read !== 'end') return read;
    part.end = part.reader.length ?? offset;
    return 'end';
  } catch (error) {
    throw originalFailure(error);
  }
}

/** Tells the main thread which part is read, once per change. */
class SegmentReport {
  readonly #port: MessagePort;
  #last: SegmentPosition | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  post(message: SegmentPosition): void {
    const last = this.#last;
    const isSame =
      last?.partIndex === message.partIndex && last.state === message.state && last.droppedCount === message.droppedCount;
    if (isSame) return;
    this.#last = message;
    this.#port.postMessage(message);
  }
}
