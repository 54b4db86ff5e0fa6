/** How many of the least delays tell how far the very least may still be from the path's own. */
const witnesses = 4;

/** The round trips of a window of time: the least of them, and how much of even that was waiting. */
export class DelayWindow {
  readonly #windowUs: number;
  readonly #delays: { readonly atUs: number; readonly delayUs: number }[] = [];
  #leastUs: number | undefined;
  #waitedUs = 0;

  constructor(windowUs: number) {
    this.#windowUs = windowUs;
  }

  /** The least delay of the window; `undefined` while it is empty. */
  get leastUs(): number | undefined {
    return this.#leastUs;
  }

  /**
   * How much longer than the path's own delay the least one may have been, judged by how closely the next ones follow it. All of it, while
   * there are too few to tell.
   */
  get waitedUs(): number {
    return this.#waitedUs;
  }

  /** Takes the delay of a later time than the last one. */
  add(atUs: number, delayUs: number): void {
    this.#delays.push({ atUs, delayUs });
    while ((this.#delays[0]?.atUs ?? atUs) < atUs - this.#windowUs) this.#delays.shift();
    const least = Array.from({ length: witnesses }, () => Number.POSITIVE_INFINITY);
    for (const { delayUs: candidate } of this.#delays) insert(least, candidate);
    const [first = delayUs] = least;
    const last = least.at(-1) ?? Number.POSITIVE_INFINITY;
    this.#leastUs = first;
    this.#waitedUs = Math.min(first, last - first);
  }

  clear(): void {
    this.#delays.length = 0;
    this.#leastUs = undefined;
    this.#waitedUs = 0;
  }
}

/** Puts a value into a short rising list, whose largest one it pushes out. */
function insert(rising: number[], value: number): void {
  let index = rising.length - 1;
  if (value >= (rising[index] ?? value)) return;
  for (; index > 0 && (rising[index - 1] ?? value) > value; index -= 1) rising[index] = rising[index - 1] ?? value;
  rising[index] = value;
}
