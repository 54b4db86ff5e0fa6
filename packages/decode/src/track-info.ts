/** What `Decoder.open` learns about the audio track that it plays. */
export interface TrackInfo {
  /** Codec by its usual short name: `mp3`, `aac`, `flac`, `alac`, `vorbis`, `pcm`, … */
  readonly codec: string;
  /** Container by its usual short name: `mp3`, `adts`, `mp4`, `flac`, `ogg`, `wav`, `aiff`, `mpeg-ts`, … */
  readonly container: string;
  /** Frames per second. */
  readonly sampleRate: number;
  readonly channelCount: number;
  /** Bits per sample of the source, where it is PCM or lossless. */
  readonly bitsPerSample: number | undefined;
  /** Frames that decoding will give from frame 0, gapless trim applied; `undefined` when the container does not tell. */
  readonly durationFrames: number | undefined;
  /** Frames dropped at the two ends: encoder delay and padding. */
  readonly trim: { readonly startFrames: number; readonly endFrames: number };
  /** Media time of the first frame where the segment says one (PTS, ID3 timestamp, tfdt), in seconds. */
  readonly firstTimestampSeconds: number | undefined;
  readonly isSeekable: boolean;
  /** Tags by standard lower-case name (`title`, `artist`, `album`, `track`, `date`, …), as text. */
  readonly tags: Readonly<Record<string, string>>;
}

/** Decoded audio: interleaved 32-bit float samples, nominal range −1 … 1. */
export interface PcmChunk {
  /** Frame index of the first frame, counted from the track's first frame after the gapless trim. */
  readonly positionFrames: number;
  readonly frameCount: number;
  /** `frameCount × channelCount` samples. A view into decoder memory: valid until the next call on the decoder. */
  readonly samples: Float32Array;
}
