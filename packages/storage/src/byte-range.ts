/** Half-open range of byte offsets: `start` is in, `end` is out. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}
