import { headerOf, type ResponseHeaders } from './response-headers.ts';

/** One version of the bytes behind a URL: what must stay equal for bytes from two answers to be joined. */
export interface Representation {
  /** Strong ETag with its quotes, else the Last-Modified date as sent, else empty: nothing to compare by. */
  readonly validator: string;
  /** Length of the whole representation in bytes, where the server told it. */
  readonly totalLength: number | undefined;
}

/** The representation that an answer speaks of. A weak ETag is no validator for bytes (RFC 9110, 8.8.1). */
export function representationOf(headers: ResponseHeaders, totalLength: number | undefined): Representation {
  return { validator: strongTagOf(headers) ?? headerOf(headers, 'last-modified')?.trim() ?? '', totalLength };
}

/**
 * Whether bytes of this answer continue `expected`. A part answered to `If-Range` may leave its validator out; a whole
 * body must prove itself, by a strong ETag, or by date and length.
 */
export function continues(
  expected: Representation,
  answer: { readonly headers: ResponseHeaders; readonly totalLength: number | undefined; readonly isPart: boolean },
): boolean {
  const { headers, totalLength, isPart } = answer;
  if (expected.totalLength !== undefined && totalLength !== undefined && expected.totalLength !== totalLength) return false;
  const sameLength = expected.totalLength !== undefined && expected.totalLength === totalLength;
  if (expected.validator === '') return sameLength;
  const isTag = expected.validator.startsWith('"');
  const actual = isTag ? headerOf(headers, 'etag')?.trim() : headerOf(headers, 'last-modified')?.trim();
  if (actual === undefined || actual === '') return isPart;
  return actual === expected.validator && (isTag || isPart || sameLength);
}

function strongTagOf(headers: ResponseHeaders): string | undefined {
  const tag = headerOf(headers, 'etag')?.trim();
  return tag !== undefined && /^"[^"]*"$/.test(tag) ? tag : undefined;
}
