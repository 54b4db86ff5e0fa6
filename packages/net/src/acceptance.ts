import { type AskedRange, parseContentLength, parseContentRange, parseUnsatisfiedLength } from './byte-range.ts';
import { NetError, type NetErrorCode, type NetErrorContext } from './net-error.ts';
import { continues, type Representation, representationOf } from './representation.ts';
import { contentCodingOf, headerOf, mediaTypeOf, type ResponseHeaders } from './response-headers.ts';
import { parseRetryAfter } from './retry-policy.ts';

/** Imported by name, the module would run all of its getters, and one of them loads a second HTTP client: 45 ms. */
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** The head of an answer, and what was asked. */
export interface AnsweredRequest {
  readonly label: string;
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly range: AskedRange | undefined;
  readonly expected: Representation | undefined;
  /** Content codings that were offered; empty: identity only. */
  readonly codings: readonly string[];
}

/** An answer whose head agrees with the request. */
export interface Acceptance {
  /** Offset of the first body byte in the representation. */
  readonly bodyStart: number;
  /** Offset after the last body byte, as the head announces it. */
  readonly bodyEnd: number | undefined;
  /** Offset after the last wanted byte, where it is known; past `bodyEnd` when the server gave less than asked. */
  readonly end: number | undefined;
  readonly representation: Representation;
  readonly contentType: string | undefined;
  readonly coding: string | undefined;
  readonly acceptsRanges: boolean;
}

/** Judges an answer by its head. Throws the `NetError` that says what is wrong with it. */
export function acceptAnswer(answer: AnsweredRequest): Acceptance {
  const { status, headers, range, codings } = answer;
  if (status === 416 && range !== undefined) return acceptNothing(answer, range);
  if (status !== 200 && status !== 203 && status !== 206) throw statusError(answer);
  const contentType = mediaTypeOf(headers);
  if (contentType === 'text/html' || contentType === 'application/xhtml+xml') {
    throw failure(
      answer,
      'net/unexpected-html',
      'a web page came instead of media; is this a sign-in page, or the address of a player?',
    );
  }
  const coding = contentCodingOf(headers);
  if (coding !== undefined && !codings.includes(coding)) {
    throw failure(answer, 'net/unexpected-encoding', `answered with content encoding '${coding}', which was not asked for`);
  }
  return status === 206 ? acceptPart(answer, contentType) : acceptWhole(answer, { contentType, coding });
}

function acceptWhole(answer: AnsweredRequest, seen: Pick<Acceptance, 'contentType' | 'coding'>): Acceptance {
  const { headers, range, expected } = answer;
  const announced = parseContentLength(headerOf(headers, 'content-length'));
  const totalLength = seen.coding === undefined ? announced : undefined;
  if (expected !== undefined && !continues(expected, { headers, totalLength, isPart: false })) throw changed(answer);
  if (range !== undefined && totalLength !== undefined && range.start > 0 && range.start >= totalLength) {
    throw unsatisfiable(answer, range, totalLength);
  }
  const askedEnd = range?.end;
  return {
    ...seen,
    bodyStart: 0,
    bodyEnd: announced,
    end: askedEnd === undefined ? totalLength : Math.min(askedEnd, totalLength ?? askedEnd),
    representation: representationOf(headers, totalLength),
    acceptsRanges: range === undefined && headerOf(headers, 'accept-ranges')?.trim().toLowerCase() !== 'none',
  };
}

function acceptPart(answer: AnsweredRequest, contentType: string | undefined): Acceptance {
  const { headers, range, expected } = answer;
  const mismatch = (what: string): NetError => failure(answer, 'net/range-mismatch', what);
  if (range === undefined) throw mismatch('answered with a part that was not asked for');
  if (contentType?.startsWith('multipart/') === true) throw mismatch('answered with several parts to one range');
  const text = headerOf(headers, 'content-range');
  const part = parseContentRange(text);
  if (part === undefined)
    throw mismatch(`answered with ${text === undefined ? 'no content range' : `the content range '${text}'`}`);
  const { totalLength } = part;
  const asked = `bytes ${range.start} to ${range.end ?? 'the end'}`;
  if (part.start !== range.start || (range.end !== undefined && part.end > range.end)) {
    throw mismatch(`asked for ${asked} and got ${part.start} to ${part.end}`);
  }
  const length = parseContentLength(headerOf(headers, 'content-length'));
  if (length !== undefined && length !== part.end - part.start) {
    throw mismatch(`announced ${length} bytes for the range from ${part.start} to ${part.end}`);
  }
  if (expected !== undefined && !continues(expected, { headers, totalLength, isPart: true })) throw changed(answer);
  return {
    bodyStart: part.start,
    bodyEnd: part.end,
    end: totalLength === undefined ? part.end : Math.min(range.end ?? totalLength, totalLength),
    representation: representationOf(headers, totalLength),
    contentType,
    coding: undefined,
    acceptsRanges: true,
  };
}

/** A 416: an error, except that all bytes of an empty representation are none. */
function acceptNothing(answer: AnsweredRequest, range: AskedRange): Acceptance {
  const { headers, expected } = answer;
  const totalLength = parseUnsatisfiedLength(headerOf(headers, 'content-range'));
  const expectedLength = expected?.totalLength;
  if (expectedLength !== undefined && totalLength !== undefined && totalLength !== expectedLength)
    throw changed(answer, totalLength);
  if (range.start !== 0 || totalLength !== 0) throw unsatisfiable(answer, range, totalLength);
  return {
    bodyStart: 0,
    bodyEnd: undefined,
    end: 0,
    representation: representationOf(headers, 0),
    contentType: undefined,
    coding: undefined,
    acceptsRanges: true,
  };
}

function statusError(answer: AnsweredRequest): NetError {
  const { status, headers } = answer;
  const retryAfterMs = parseRetryAfter(headerOf(headers, 'retry-after'), headerOf(headers, 'date'));
  const text = `${status} ${(STATUS_CODES[status] ?? 'unknown status').toLowerCase()}`;
  return failure(answer, codeOf(status), text, { retryAfterMs });
}

function codeOf(status: number): NetErrorCode {
  switch (status) {
    case 404:
    case 410:
      return 'net/not-found';
    case 401:
    case 403:
      return 'net/forbidden';
    default:
      return 'net/status';
  }
}

function unsatisfiable(answer: AnsweredRequest, range: AskedRange, totalLength: number | undefined): NetError {
  const has = totalLength === undefined ? '' : `; there are ${totalLength} bytes`;
  return failure(answer, 'net/unsatisfiable-range', `no bytes from ${range.start} on${has}`, { totalLength });
}

function changed(answer: AnsweredRequest, totalLength?: number): NetError {
  return failure(answer, 'net/representation-changed', 'the file is not the one that earlier bytes came from', { totalLength });
}

function failure(answer: AnsweredRequest, code: NetErrorCode, what: string, more: Partial<NetErrorContext> = {}): NetError {
  const { label, status } = answer;
  return new NetError(code, `GET ${label}: ${what}`, { ...more, url: label, status });
}
