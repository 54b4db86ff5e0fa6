/**
 * What can go wrong between the nodes of a party.
 * - `sync/bad-invitation`: the text is no invitation, or its secret is not whole.
 * - `sync/bad-message`: the other end sent what is not of the protocol; the message carries nothing of it.
 * - `sync/session-full`, `sync/denied`, `sync/locked`, `sync/version`, `sync/expired`: the host refused, and says why.
 * - `sync/queue-full`, `sync/queue-changed`, `sync/unknown-track`, `sync/track-playing`: an edit of the queue that cannot be made.
 * - `sync/stale-epoch`: a timeline older than the one that holds.
 * - `sync/unreachable`, `sync/no-party`, `sync/link-lost`: no host, something else there, or no host any more.
 * - `sync/port-in-use`, `sync/no-socket`: the host's port cannot be opened.
 */
export type PartyErrorCode =
  | 'sync/bad-invitation'
  | 'sync/bad-message'
  | 'sync/session-full'
  | 'sync/denied'
  | 'sync/locked'
  | 'sync/version'
  | 'sync/expired'
  | 'sync/queue-full'
  | 'sync/queue-changed'
  | 'sync/unknown-track'
  | 'sync/track-playing'
  | 'sync/stale-epoch'
  | 'sync/unreachable'
  | 'sync/no-party'
  | 'sync/link-lost'
  | 'sync/port-in-use'
  | 'sync/no-socket';
