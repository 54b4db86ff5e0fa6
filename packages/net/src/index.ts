/**
 * One HTTP client: retries, bodies that heal themselves, validation of what was answered, limits.
 *
 * @module
 */
export { type Clock, systemClock } from './clock.ts';
export { createHttpClient, type HttpClientOptions, type NetLogger } from './create-http-client.ts';
export type { HttpBody, HttpClient, HttpRequest, HttpText, NetEvent, RequestKind, RequestPriority } from './http-client.ts';
export { NetError, type NetErrorCode, type NetErrorContext } from './net-error.ts';
export type { Representation } from './representation.ts';
export type { HeadersProvider } from './request-headers.ts';
export type { RetryOptions } from './retry-policy.ts';
