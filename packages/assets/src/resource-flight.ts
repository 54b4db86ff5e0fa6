import { setTimeout } from 'node:timers/promises';
import { StorageError, type CommittedResource, type StreamingResource } from '@tutti/storage';
import type { Producer } from './asset-store.ts';

/** Longest wait for the commit of a resource whose bytes are all there: syncing a large file to a slow disk takes a while. */
const COMMIT_GRACE_MS = 1000;

export interface FlightOptions {
  readonly resource: StreamingResource;
  /** Told once, when a producer has completed the resource. */
  readonly onCommitted: (committed: CommittedResource | undefined) => Promise<void>;
}

/**
 * One open resource, everybody who leases it, and the one producer that fills it. The producer belongs to no lease in
 * particular: it runs from the first that brings one until the last is gone.
 */
export class ResourceFlight {
  readonly resource: StreamingResource;
  readonly #options: FlightOptions;
  readonly #controller = new AbortController();
  #leaseCount = 0;
  #isDiscarded = false;
  #producing: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: FlightOptions) {
    this.#options = options;
    this.resource = options.resource;
  }

  /** Whether a new lease may join: not after a failure, nor once the last lease has gone. */
  get isJoinable(): boolean {
    return this.#ending === undefined && (this.resource.state === 'active' || this.resource.state === 'committed');
  }

  /** Whether its files were removed while it was in use. */
  get isDiscarded(): boolean {
    return this.#isDiscarded;
  }

  markDiscarded(): void {
    this.#isDiscarded = true;
    this.#controller.abort(new DOMException('the resource was discarded', 'AbortError'));
  }

  /** One lease more; starts `producer` when there is something to produce and none runs. */
  join(producer: Producer | undefined): void {
    this.#leaseCount += 1;
    if (producer !== undefined && this.resource.state === 'active') this.#producing ??= this.#produce(producer);
  }

  /** One lease less. True for the last one, who then calls `end`. */
  leave(): boolean {
    this.#leaseCount -= 1;
    return this.#leaseCount === 0;
  }

  /** Stops the producer and lets go of the bytes, which stay for the next flight. Does not wait for the producer. */
  end(reason: Error): Promise<void> {
    this.#ending ??= this.#end(reason);
    return this.#ending;
  }

  /** Settles when the producer has returned. Never rejects. */
  async produced(): Promise<void> {
    await this.#producing;
  }

  async #end(reason: Error): Promise<void> {
    if (this.#isAllThere) await this.#commitSoon();
    this.#controller.abort(reason);
    await this.resource.close();
  }

  /** Whether every announced byte is present, so that only the commit is missing. */
  get #isAllThere(): boolean {
    const { state, announcedLength } = this.resource;
    return state === 'active' && announcedLength !== undefined && this.resource.covers({ start: 0, end: announcedLength });
  }

  /** A reader may be done a moment before the producer commits: stopping it then would leave a whole file unnamed. */
  async #commitSoon(): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#producing, setTimeout(COMMIT_GRACE_MS, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }

  async #produce(producer: Producer): Promise<void> {
    const { signal } = this.#controller;
    let committed: CommittedResource | undefined;
    try {
      committed = await producer(this.resource, signal);
      if (this.resource.state === 'active' && !signal.aborted) {
        throw new StorageError('storage/failed', `fetch ${this.resource.label}: the producer stopped before the end`);
      }
    } catch (error) {
      // After the last lease has gone nobody wants to know, and the bytes stay.
      if (!signal.aborted) await this.resource.fail(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.resource.state === 'committed') await this.#options.onCommitted(committed);
  }
}
