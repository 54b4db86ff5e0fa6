/** Rate and channels of interleaved PCM. */
export interface PcmFormat {
  /** Frames per second. */
  readonly sampleRate: number;
  readonly channelCount: number;
}

/** What the source of the sound is like: outputs that keep samples choose their precision by it. */
export interface SourceFormat extends PcmFormat {
  /** Bits per sample of a PCM or lossless source. */
  readonly bitsPerSample: number | undefined;
}

/** Where sound goes. One engine writes; every method is called from one thread. */
export interface Output extends AsyncDisposable {
  readonly kind: 'device' | 'file' | 'stdout' | 'null';
  /** For people: what is played on. */
  readonly description: string;
  /** Prepares for `source` and answers with the format that `write` takes from then on. Throws `OutputError`. */
  open(source: SourceFormat): Promise<PcmFormat>;
  /** Resolves when at least one block may be written. Rejects with the signal's reason. */
  waitWritable(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Takes interleaved samples in the open format; they are copied before the promise settles. */
  write(samples: Float32Array): Promise<void>;
  /** Frames that were written but not yet heard. */
  readonly queuedFrames: number;
  /** Takes back the frames that can still be taken back, and says how many: the last ones written. */
  revoke(): number;
  /** Resolves when everything written has been heard. Abort stops waiting, nothing else. */
  drain(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Interruptions heard so far. */
  readonly underrunCount: number;
  /** Finishes files, frees the device. Idempotent. */
  close(): Promise<void>;
}
