import type { HostMessage, SessionEvent, SessionState } from '@tutti/sync/protocol';
import { createSessionState, reduceSession } from '@tutti/sync/protocol';

/** The state of a party's session, and who is to be told when it changes. */
export class PartyMemory {
  #state: SessionState;
  readonly #listeners = new Set<() => void>();

  constructor(options: Pick<SessionState, 'sessionId' | 'name' | 'maxNodes'>) {
    this.#state = createSessionState(options);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Changes the state, then tells. Throws as `reduceSession`, and nothing has changed then. */
  apply(...events: readonly SessionEvent[]): void {
    this.#state = events.reduce(reduceSession, this.#state);
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }
}

/** Where messages to the connected nodes go. */
export interface Seats {
  send(nodeId: string, message: HostMessage): void;
  broadcast(message: HostMessage): void;
}
