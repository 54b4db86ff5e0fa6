/** Half-open; without `end`, to the end of the representation. */
export interface AskedRange {
  readonly start: number;
  readonly end?: number | undefined;
}

/** What a 206 or 416 says about itself; half-open, `totalLength` undefined for `*`. */
export interface ContentRange {
  readonly start: number;
  readonly end: number;
  readonly totalLength: number | undefined;
}

/** `Range` header text (RFC 9110, 14.2): inclusive, as HTTP has it. */
export function formatRange({ start, end }: AskedRange): string {
  return `bytes=${start}-${end === undefined ? '' : end - 1}`;
}

/** Whether offsets are whole, ordered and exact in a double; an empty range cannot be said in HTTP. */
export function isAskable({ start, end }: AskedRange): boolean {
  return Number.isSafeInteger(start) && start >= 0 && (end === undefined || (Number.isSafeInteger(end) && end > start));
}

/** Parses `bytes 0-9/100` of a 206 (RFC 9110, 14.4). Undefined when malformed or contradicting itself. */
export function parseContentRange(text: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  const start = Number(match[1]);
  const end = Number(match[2]) + 1;
  const totalLength = match[3] === '*' ? undefined : Number(match[3]);
  if (![start, end, totalLength ?? 0].every(Number.isSafeInteger)) return undefined;
  if (end <= start || (totalLength !== undefined && end > totalLength)) return undefined;
  return { start, end, totalLength };
}

/** The length in `bytes *\/100` of a 416. */
export function parseUnsatisfiedLength(text: string | undefined): number | undefined {
  const match = /^bytes \*\/(\d+)$/i.exec(text?.trim() ?? '');
  return match === null ? undefined : Number(match[1]);
}

/** `Content-Length` as a number. Undefined when absent or malformed. */
export function parseContentLength(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text.trim()) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}
