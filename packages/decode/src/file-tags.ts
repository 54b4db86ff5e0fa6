import type { IAudioMetadata } from 'music-metadata';
import type * as Strtok3 from 'strtok3';
import type { ByteSource } from './byte-source.ts';
import { DecodeError } from './decode-error.ts';

export interface Artwork {
  /** Such as `image/jpeg`. */
  readonly mediaType: string;
  /** What it shows, as the file says: `Cover (front)`, …; empty where it says nothing. */
  readonly kind: string;
  readonly bytes: Uint8Array;
}

/** All that a file says about itself. */
export interface FileTags {
  /** By the names of `TrackInfo.tags`, and more of them: also those at the end of a file (ID3v1, APE) and R128 gains. */
  readonly tags: Readonly<Record<string, string>>;
  readonly artwork: readonly Artwork[];
}

/** Tags beyond it are no tags; keeps a damaged length from taking the memory of the process. */
const MAX_READ_BYTES = 64 * 1024 * 1024;

/**
 * Reads a file's tags and pictures, without decoding it. Closes nothing. Loads its parser (music-metadata) at the first call.
 * Throws what the source throws, `decode/not-media` where no format is recognised, and `decode/damaged`; a file without tags has none.
 */
export async function readTags(source: ByteSource): Promise<FileTags> {
  const [{ parseFromTokenizer }, strtok3] = await Promise.all([import('music-metadata'), import('strtok3')]);
  const tokenizer = tokenizerOf(source, strtok3);
  let metadata: IAudioMetadata;
  try {
    metadata = await parseFromTokenizer(tokenizer, { duration: false });
  } catch (cause) {
    if (tokenizer.sourceError !== undefined) throw tokenizer.sourceError.thrown;
    const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
    const isUnknown = name === 'CouldNotDetermineFileTypeError' || name === 'UnsupportedFileTypeError';
    throw new DecodeError(isUnknown ? 'decode/not-media' : 'decode/damaged', `read tags: ${message}`, { cause });
  }
  return { tags: namedTags(metadata), artwork: (metadata.common.picture ?? []).map(artworkOf) };
}

function artworkOf({ format, type, data }: { format: string; type?: string; data: Uint8Array }): Artwork {
  return { mediaType: format, kind: type ?? '', bytes: data };
}

interface SourceTokenizer extends Strtok3.AbstractTokenizer {
  /** What the source threw, in a box. */
  readonly sourceError: { readonly thrown: unknown } | undefined;
}

function tokenizerOf(source: ByteSource, strtok3: typeof Strtok3): SourceTokenizer {
  class Tokenizer extends strtok3.AbstractTokenizer {
    fileInfo: Strtok3.IFileInfo;
    sourceError: { readonly thrown: unknown } | undefined;

    constructor() {
      super();
      this.fileInfo = source.length === undefined ? {} : { size: source.length };
    }

    supportsRandomAccess(): boolean {
      return source.length !== undefined;
    }

    setPosition(position: number): void {
      this.position = position;
    }

    async readBuffer(into: Uint8Array, options?: Parameters<Strtok3.AbstractTokenizer['readBuffer']>[1]): Promise<number> {
      if (options?.position !== undefined) this.position = options.position;
      const count = await this.peekBuffer(into, options);
      this.position += count;
      return count;
    }

    async peekBuffer(into: Uint8Array, options?: Parameters<Strtok3.AbstractTokenizer['peekBuffer']>[1]): Promise<number> {
      const { position, length, mayBeLess } = this.normalizeOptions(into, options);
      if (length > MAX_READ_BYTES) throw new RangeError(`a tag of ${length} bytes`);
      const count = this.#read(position, into.subarray(0, length));
      if (count < length && mayBeLess !== true) throw new strtok3.EndOfStreamError();
      return count;
    }

    /** Until `into` is full or the source ends. */
    #read(position: number, into: Uint8Array): number {
      let count = 0;
      try {
        while (count < into.length) {
          const read = source.readAt(position + count, into.subarray(count));
          if (read === 0) break;
          count += read;
        }
      } catch (thrown) {
        this.sourceError = { thrown };
        throw thrown;
      }
      return count;
    }
  }
  return new Tokenizer();
}

function namedTags({ common, native }: IAudioMetadata): Record<string, string> {
  const gain = (ratio: { readonly dB: number } | undefined): string | undefined => ratio && `${ratio.dB} dB`;
  const peak = (ratio: { readonly ratio: number } | undefined): string | undefined => ratio && String(ratio.ratio);
  const named: Readonly<Record<string, string | number | null | undefined>> = {
    title: common.title,
    artist: common.artist,
    album: common.album,
    albumartist: common.albumartist,
    composer: common.composer?.[0],
    genre: common.genre?.[0],
    date: common.date ?? common.year,
    track: common.track.no,
    tracktotal: common.track.of,
    disc: common.disk.no,
    disctotal: common.disk.of,
    comment: common.comment?.[0]?.text,
    lyrics: common.lyrics?.[0]?.text,
    copyright: common.copyright,
    isrc: common.isrc?.[0],
    bpm: common.bpm,
    replaygain_track_gain: gain(common.replaygain_track_gain),
    replaygain_track_peak: peak(common.replaygain_track_peak),
    replaygain_album_gain: gain(common.replaygain_album_gain),
    replaygain_album_peak: peak(common.replaygain_album_peak),
  };
  const tags = Object.entries(named).flatMap(([name, value]): [string, string][] =>
    value === undefined || value === null || value === '' ? [] : [[name, String(value)]],
  );
  for (const { id, value } of Object.values(native).flat()) {
    if (/^R128_(?:TRACK|ALBUM)_GAIN$/i.test(id)) tags.push([id.toLowerCase(), String(value)]);
  }
  return Object.fromEntries(tags);
}
