/**
 * How the nodes of a party reach each other: control messages over WebSocket, time over UDP from threads of their own.
 *
 * @module
 */
export { challengePeer, proveToHost, received, unexpected, type ChallengeOptions, type ProvenHost } from './handshake.ts';
export { isTrustedRequest } from './request-guard.ts';
export { startClockThread, type ClockThread, type UdpClock, type UdpClockOptions } from './udp-clock-client.ts';
export { startClockResponder, type ClockResponder } from './udp-clock-responder.ts';
export { authorityOf, connectLink, type ConnectOptions } from './websocket-client.ts';
export type { Link, LinkEnd, LinkTiming } from './websocket-link.ts';
export { acceptLinks, type AcceptLinksOptions, type LinkAcceptor } from './websocket-server.ts';
