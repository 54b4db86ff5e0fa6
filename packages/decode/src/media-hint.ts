/** What is known about the bytes before they are read. Every field may be absent or wrong; content decides. */
export interface MediaHint {
  /** File extension without the dot, lower case. */
  readonly extension?: string;
  /** MIME type without parameters. */
  readonly mimeType?: string;
  /**
   * A stream that starts at an arbitrary segment and is joined from segments. `mpeg-ts` is demultiplexed to its audio;
   * `packed-audio` is ADTS or MP3 whose segments begin with ID3 timestamps, which are stripped at the joins.
   */
  readonly segmentFormat?: 'mpeg-ts' | 'packed-audio' | 'fmp4';
}
