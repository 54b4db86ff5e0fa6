import { AudioFrameScanner } from './audio-frame-scanner.ts';
import type { ByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';
import { FrameOutput } from './frame-output.ts';
import { TsPacketReader, type TsPacket } from './mpeg-ts-packets.ts';
import { PesReader } from './mpeg-ts-pes.ts';
import { parseProgramAssociation, parseProgramMap, SectionAssembler, type ElementaryStream } from './mpeg-ts-tables.ts';
import type { ByteTransform } from './sequential-source.ts';
import type { TimestampIndex } from './timestamp-index.ts';

const PAT_PID = 0;
/** Tables repeat every 100 ms or so: a stream that shows none in this many bytes is no transport stream. */
const PROBE_BYTES = 4 * 1024 * 1024;

/**
 * The audio of an MPEG transport stream as ADTS or MPEG audio frames, whole frames only. The stream may begin at any
 * packet and may be joined from segments. Plays the first audio stream of the first program that can be decoded; follows
 * it to another PID when a new program map moves it.
 */
export class TsAudioTransform implements ByteTransform {
  readonly #source: ByteSource;
  readonly #packets: TsPacketReader;
  readonly #output = new FrameOutput();
  readonly #programMapPids = new Map<number, readonly ElementaryStream[] | undefined>();
  readonly #sections = new Map<number, SectionAssembler>();
  /** Per PID: counter and payload of its last packet. */
  readonly #lastPackets = new Map<number, { readonly counter: number; readonly payload: Uint8Array }>();
  #audio: ElementaryStream | undefined;
  #audioProgramPid = -1;
  #scanner: AudioFrameScanner | undefined;
  #pes: PesReader | undefined;
  #isFinished = false;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#packets = new TsPacketReader(source);
  }

  /** Which time belongs to which byte of the output. */
  get timestamps(): TimestampIndex {
    return this.#output.timestamps;
  }

  /** Reads up to the program map and returns the audio stream in it. Throws `unsupported`, `not-media` or `empty`. */
  probe(): ElementaryStream {
    while (this.#audio === undefined) {
      const packet = this.#packets.positionBytes < PROBE_BYTES ? this.#packets.next() : undefined;
      if (packet === undefined) throw this.#withoutAudio();
      this.#take(packet);
    }
    return this.#audio;
  }

  pull(): Uint8Array | undefined {
    this.#output.clear();
    const packet = this.#packets.next();
    if (packet !== undefined) this.#take(packet);
    else if (this.#isFinished) return undefined;
    else {
      this.#isFinished = true;
      this.#scanner?.finish();
    }
    return this.#output.bytes;
  }

  restart(): void {
    this.#packets.restart();
    this.#output.restart();
    this.#programMapPids.clear();
    this.#sections.clear();
    this.#lastPackets.clear();
    this.#audio = undefined;
    this.#scanner = undefined;
    this.#pes = undefined;
    this.#isFinished = false;
  }

  close(): void {
    this.#source.close();
  }

  #take(packet: TsPacket): void {
    const { pid } = packet;
    const isAudio = pid === this.#audio?.pid;
    if (!isAudio && pid !== PAT_PID && !this.#programMapPids.has(pid)) return;
    const order = this.#checkOrder(packet);
    if (order === 'repeated') return;
    if (isAudio) return this.#takeAudio(packet, order === 'lost');
    const sections = this.#sections.get(pid) ?? new SectionAssembler();
    this.#sections.set(pid, sections);
    if (order === 'lost') sections.drop();
    sections.push(packet.payload, packet.isUnitStart, (section) => this.#takeSection(pid, section));
  }

  /**
   * A packet may be sent twice; any other step than one means that packets are missing, or that a segment begins. The
   * counter has 16 values, so that a segment may begin with the one that was last: then the payload differs.
   */
  #checkOrder({ pid, continuityCounter, isDiscontinuity, payload }: TsPacket): 'next' | 'repeated' | 'lost' {
    const last = this.#lastPackets.get(pid);
    this.#lastPackets.set(pid, { counter: continuityCounter, payload: payload.slice() });
    if (last === undefined || isDiscontinuity || continuityCounter === ((last.counter + 1) & 15)) return 'next';
    return continuityCounter === last.counter && areEqual(payload, last.payload) ? 'repeated' : 'lost';
  }

  #takeAudio(packet: TsPacket, isAfterLoss: boolean): void {
    if (packet.isScrambled) throw new DecodeError('decode/unsupported', 'mpeg-ts: the audio is scrambled');
    if (isAfterLoss) {
      this.#pes?.drop();
      this.#scanner?.drop();
    }
    this.#pes?.push(packet.payload, packet.isUnitStart);
  }

  #takeSection(pid: number, section: Uint8Array): void {
    if (pid === PAT_PID) {
      const pids = parseProgramAssociation(section) ?? [];
      for (const mapPid of pids) if (!this.#programMapPids.has(mapPid)) this.#programMapPids.set(mapPid, undefined);
      return;
    }
    const streams = parseProgramMap(section);
    if (streams === undefined) return;
    this.#programMapPids.set(pid, streams);
    if (this.#audio === undefined) this.#choose(pid, streams);
    else if (pid === this.#audioProgramPid) this.#follow(this.#audio, streams);
  }

  #choose(programPid: number, streams: readonly ElementaryStream[]): void {
    const audio = streams.find(({ framing }) => framing !== undefined);
    if (audio !== undefined) this.#play(audio, programPid);
    else if ([...this.#programMapPids.values()].every((known) => known !== undefined)) throw this.#withoutAudio();
  }

  /** A new program map, mostly at the start of a segment: the same stream may be elsewhere now. */
  #follow(audio: ElementaryStream, streams: readonly ElementaryStream[]): void {
    if (streams.some(({ pid, framing }) => pid === audio.pid && framing === audio.framing)) return;
    const moved = streams.find(({ framing }) => framing === audio.framing);
    if (moved !== undefined) return this.#play(moved, this.#audioProgramPid);
    const other = streams.find(({ framing }) => framing !== undefined);
    if (other !== undefined)
      throw new DecodeError('decode/unsupported', `mpeg-ts: the audio changes from ${audio.name} to ${other.name}`);
  }

  #play(audio: ElementaryStream, programPid: number): void {
    const scanner =
      this.#scanner ?? new AudioFrameScanner({ ...(audio.framing && { format: audio.framing }), onFrame: this.#output.onFrame });
    this.#audio = audio;
    this.#audioProgramPid = programPid;
    this.#scanner = scanner;
    this.#pes = new PesReader({
      onStart: (ticks) => ticks !== undefined && scanner.stamp(ticks),
      onPayload: (payload) => scanner.push(payload),
    });
  }

  #withoutAudio(): DecodeError {
    const streams = [...this.#programMapPids.values()].flatMap((known) => known ?? []);
    if (streams.length > 0) {
      return new DecodeError(
        'decode/unsupported',
        `mpeg-ts: no audio that can be decoded, only ${streams.map(({ name }) => name).join(', ')}`,
      );
    }
    if (this.#packets.positionBytes === 0) return new DecodeError('decode/empty', 'mpeg-ts: there are no packets');
    return new DecodeError('decode/not-media', `mpeg-ts: no program map in the first ${this.#packets.positionBytes} bytes`);
  }
}

function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
