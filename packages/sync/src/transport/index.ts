/**
 * How the nodes of a party reach each other: control messages over WebSocket, time over UDP from threads of their own.
 *
 * @module
 */
export { monotonicUs } from './monotonic.ts';
export { isTrustedRequest } from './request-guard.ts';
export { startClockResponder, type ClockResponder } from './udp-clock-responder.ts';
export { authorityOf, connectLink, type ConnectOptions } from './websocket-client.ts';
export type { Link, LinkEnd, LinkTiming } from './websocket-link.ts';
export { acceptLinks, type AcceptLinksOptions } from './websocket-server.ts';
