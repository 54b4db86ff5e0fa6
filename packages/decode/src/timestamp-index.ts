/** Ticks per second of MPEG-2 system timestamps (ISO/IEC 13818-1, 2.4.3.7). */
const TICKS_PER_SECOND = 90_000;
const TICK_RANGE = 2 ** 33;

/** Entries kept; beyond it every other one is dropped, so that an index of any stream stays under 200 KiB. */
const MAX_ENTRIES = 8192;

/** Which time belongs to which byte of a stream: 33-bit ticks at 90 kHz, unwrapped. */
export class TimestampIndex {
  #offsets: number[] = [];
  #ticks: number[] = [];
  #lastTicks: number | undefined;

  /** Records that the frame at byte `offset` is at `ticks`. Offsets increase. */
  add(offset: number, ticks: number): void {
    const unwrapped = this.#unwrap(ticks);
    this.#lastTicks = unwrapped;
    this.#offsets.push(offset);
    this.#ticks.push(unwrapped);
    if (this.#offsets.length < MAX_ENTRIES) return;
    this.#offsets = this.#offsets.filter((_, index) => index % 2 === 0);
    this.#ticks = this.#ticks.filter((_, index) => index % 2 === 0);
  }

  /** Time of the first frame that carried one, in seconds. */
  get firstSeconds(): number | undefined {
    const [ticks] = this.#ticks;
    return ticks === undefined ? undefined : ticks / TICKS_PER_SECOND;
  }

  /** The last entry at or before byte `offset`. */
  at(offset: number): { readonly offset: number; readonly seconds: number } | undefined {
    const index = this.#offsets.findLastIndex((candidate) => candidate <= offset);
    const found = this.#offsets[index];
    return found === undefined ? undefined : { offset: found, seconds: (this.#ticks[index] ?? 0) / TICKS_PER_SECOND };
  }

  clear(): void {
    this.#offsets = [];
    this.#ticks = [];
    this.#lastTicks = undefined;
  }

  #unwrap(ticks: number): number {
    if (this.#lastTicks === undefined) return ticks;
    const forward = (((ticks - this.#lastTicks) % TICK_RANGE) + TICK_RANGE) % TICK_RANGE;
    return this.#lastTicks + (forward < TICK_RANGE / 2 ? forward : forward - TICK_RANGE);
  }
}
