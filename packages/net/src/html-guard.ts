const BEGINNINGS: readonly string[] = ['<!doctype html', '<html', '<head'];
const LONGEST = 14;
/** Blank bytes after which a body is no web page any more. */
const MAX_BLANK_BYTES = 1024;

/** Whether a body begins like a web page; undefined while there are too few bytes to say. */
export function beginsLikeHtml(bytes: Uint8Array): boolean | undefined {
  let from = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (from < bytes.length && isBlank(bytes[from])) from += 1;
  if (from >= MAX_BLANK_BYTES) return false;
  const text = Buffer.from(bytes.subarray(from, from + LONGEST))
    .toString('latin1')
    .toLowerCase();
  if (BEGINNINGS.some((beginning) => text.startsWith(beginning))) return true;
  return BEGINNINGS.some((beginning) => beginning.startsWith(text)) ? undefined : false;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}

/** Holds back the first bytes of a body until it is known not to be a web page. */
export class HtmlGuard {
  #held: Uint8Array | undefined = new Uint8Array(0);

  /** Bytes that may be given on now, or `html`. */
  pass(chunk: Uint8Array): Uint8Array | 'html' {
    if (this.#held === undefined) return chunk;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const verdict = beginsLikeHtml(bytes);
    if (verdict === true) return 'html';
    this.#held = verdict === undefined ? bytes : undefined;
    return verdict === undefined ? new Uint8Array(0) : bytes;
  }

  /** What is still held back when the body has ended. */
  rest(): Uint8Array {
    const held = this.#held ?? new Uint8Array(0);
    this.#held = undefined;
    return held;
  }
}
