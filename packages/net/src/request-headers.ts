import { type AskedRange, formatRange } from './byte-range.ts';
import type { RequestKind } from './http-client.ts';
import type { Representation } from './representation.ts';
import type { Target } from './target.ts';

/** Headers for one request, given what it is for and the full URL of the hop. Called once per hop. */
export type HeadersProvider = (kind: RequestKind, url: string) => Readonly<Record<string, string>>;

/** Named by people, never sent to another origin than the one that they were meant for. */
const CREDENTIALS: readonly string[] = ['authorization', 'cookie', 'proxy-authorization'];
/** This client's own business: a caller's value would break framing, ranges or decoding. */
const OWN: readonly string[] = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'te',
  'upgrade',
  'range',
  'if-range',
  'accept-encoding',
];

/** What one request wants to say. */
export interface HeaderWishes {
  readonly kind: RequestKind;
  readonly userAgent: string;
  readonly acceptEncoding: string;
  readonly range?: AskedRange | undefined;
  readonly expected?: Representation | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly provider?: HeadersProvider | undefined;
}

/** What is known about one hop. */
export interface Hop {
  /** Once a redirect led away from the first URL's origin. */
  readonly hasLeftOrigin: boolean;
  /** `Cookie` text from the request's jar for this hop. */
  readonly cookies?: string | undefined;
}

/** Header fields of the request to `target`. Cookies that the caller names itself go before those of the jar. */
export function composeHeaders(wishes: HeaderWishes, target: Target, hop: Hop): Record<string, string> {
  const { range, expected } = wishes;
  const composed: Record<string, string> = { accept: '*/*', 'user-agent': wishes.userAgent };
  for (const headers of [wishes.provider?.(wishes.kind, target.href), wishes.headers]) {
    for (const [name, value] of Object.entries(headers ?? {})) {
      const key = name.toLowerCase();
      if (OWN.includes(key) || (hop.hasLeftOrigin && CREDENTIALS.includes(key))) continue;
      composed[key] = value;
    }
  }
  if (hop.cookies !== undefined) composed['cookie'] = [composed['cookie'], hop.cookies].filter(Boolean).join('; ');
  if (target.authorization !== undefined) composed['authorization'] ??= target.authorization;
  composed['accept-encoding'] = wishes.acceptEncoding;
  if (range !== undefined) composed['range'] = formatRange(range);
  if (range !== undefined && expected !== undefined && expected.validator !== '') composed['if-range'] = expected.validator;
  return composed;
}
