import type { Agent as UndiciAgent } from 'undici';
// @ts-expect-error: undici has types for its index only.
import agent from 'undici/lib/dispatcher/agent.js';

export type Agent = UndiciAgent;

/** Undici's agent without its index, which loads `fetch`, WebSocket and caches too: that would be most of the time that starting takes. */
export const Agent = agent as typeof UndiciAgent;
