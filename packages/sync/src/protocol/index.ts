/**
 * What the nodes of a party say to each other: invitation, proofs, messages, clock datagrams, and the host's memory of a session.
 *
 * @module
 */
export { AttemptLimit } from './attempt-limit.ts';
export type { PartyCommand } from './commands.ts';
export {
  createSecret,
  DEFAULT_CLOCK_PORT,
  DEFAULT_PORT,
  formatInvitation,
  formatSecret,
  parseInvitation,
  parseSecret,
  type Invitation,
} from './invitation.ts';
export { MAX_AUTOMATION_POINTS, PROTOCOL_VERSION, type HostMessage, type PeerMessage } from './messages.ts';
export { createNonce, isSameText, PartyKeys, type Nonces } from './party-keys.ts';
export {
  createSessionState,
  isReady,
  nextTrack,
  reduceSession,
  viewOf,
  waitingFor,
  type SessionEvent,
  type SessionMember,
  type SessionState,
  type SessionTrack,
} from './session-state.ts';
export { MAX_NODES, type Member, type NodeReport, type QueueItem, type SessionView } from './session-view.ts';
