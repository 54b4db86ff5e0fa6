import type { Representation } from './representation.ts';

/** What is being asked for: decides encoding, priority order and which answers are refused (HTML for media). */
export type RequestKind = 'playlist' | 'key' | 'segment' | 'media';
/** `demand`: someone waits for these bytes now. `prefetch`: soon. `warm`: whenever the line is free. */
export type RequestPriority = 'demand' | 'prefetch' | 'warm';

export interface HttpRequest {
  readonly url: string;
  readonly kind: RequestKind;
  /** Half-open byte range; without `end`, to the end of the representation. */
  readonly range?: { readonly start: number; readonly end?: number };
  /** The representation that earlier bytes came from: sent as `If-Range`; another one fails `net/representation-changed`. */
  readonly expected?: Representation;
  /** Default `demand`. */
  readonly priority?: RequestPriority;
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Name of the cookie jar of this request: cookies set by answers are sent only with requests of the same jar, by the rules
   * of RFC 6265, and forgotten when the client closes. Without it no cookie is kept.
   */
  readonly cookieJar?: string;
  /**
   * Whether to wait out an outage (`retry.outageMs`) before the first answer too: for a part of something that plays
   * already. Bodies under way always do. Default false: who asks for something new wants to hear soon that it is not there.
   */
  readonly outlastsOutage?: boolean;
}

/** A body that heals itself: a broken connection is continued from the consumed offset without repeating a byte. */
export interface HttpBody extends AsyncDisposable {
  /** URL after redirects: the base for relative references. */
  readonly finalUrl: string;
  readonly representation: Representation;
  /** Content-Type without parameters, lower case. */
  readonly contentType: string | undefined;
  /** Offset of the first byte that `chunks` gives: the asked one, whether or not the server honoured the range. */
  readonly start: number;
  /** Offset after the last byte that `chunks` will give, where it is known. */
  readonly end: number | undefined;
  /** False when the server answered a range request with the whole body: the prefix was read and discarded. */
  readonly acceptsRanges: boolean;
  /** Milliseconds from sending the request to the first body byte's headers. */
  readonly timeToFirstByteMs: number;
  /** Body bytes in order; ends only when the body is whole. To be consumed once. Breaking out cancels the request. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface HttpText {
  readonly finalUrl: string;
  readonly representation: Representation;
  readonly contentType: string | undefined;
  /** Whole body, content-decoded. */
  readonly bytes: Uint8Array;
}

export interface HttpClient extends AsyncDisposable {
  /** Opens a body addressed by bytes. Abort closes the connection; nothing is left behind. Throws `NetError`. */
  open(request: HttpRequest, options?: { readonly signal?: AbortSignal }): Promise<HttpBody>;
  /** Fetches a small whole resource (playlist, key), decoded, at most `maxBytes` (default 16 MiB) after inflation. */
  fetchWhole(request: HttpRequest & { readonly maxBytes?: number }, options?: { readonly signal?: AbortSignal }): Promise<HttpText>;
  /** Observes finished requests. */
  on(listener: (event: NetEvent) => void): Disposable;
  close(): Promise<void>;
}

/** One line per thing worth knowing; URLs carry no query and no credentials. */
export type NetEvent =
  | {
      readonly type: 'response';
      readonly url: string;
      readonly kind: RequestKind;
      readonly status: number;
      readonly timeToFirstByteMs: number;
    }
  | {
      readonly type: 'retry';
      readonly url: string;
      readonly kind: RequestKind;
      readonly attempt: number;
      readonly delayMs: number;
      readonly code: string;
    }
  | { readonly type: 'healed'; readonly url: string; readonly kind: RequestKind; readonly offset: number; readonly code: string }
  | {
      readonly type: 'body';
      readonly url: string;
      readonly kind: RequestKind;
      readonly bytes: number;
      readonly durationMs: number;
    };
