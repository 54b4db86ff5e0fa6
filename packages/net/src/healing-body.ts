import type { Acceptance } from './acceptance.ts';
import type { Answer } from './answer.ts';
import { HtmlGuard } from './html-guard.ts';
import type { HttpBody } from './http-client.ts';
import { NetError } from './net-error.ts';
import type { Representation } from './representation.ts';
import { isRetryable, type RetryPolicy } from './retry-policy.ts';
import type { Scope } from './scope.ts';

/** An answer under way, and what its head promised. */
export interface OpenedAnswer {
  readonly answer: Answer;
  readonly acceptance: Acceptance;
}

export interface HealingBodyOptions {
  readonly first: OpenedAnswer;
  /** Offset of the first wanted byte. */
  readonly start: number;
  readonly label: string;
  readonly policy: RetryPolicy;
  readonly scope: Scope;
  readonly isHtmlGuarded: boolean;
  /** Asks for the rest from `offset` on; the answer is of `expected`, or it rejects. */
  readonly reopen: (offset: number, expected: Representation) => Promise<OpenedAnswer>;
  readonly onHealed: (offset: number, error: NetError) => void;
  /** Called once, when the body has ended in whichever way, with the bytes given. */
  readonly onEnd: (bytes: number) => void;
}

/**
 * A body that continues after resets, stalls and early ends, from the offset that was consumed, with the same
 * representation. It gives up after as many breaks without a new byte between them as the policy has retries.
 */
export class HealingBody implements HttpBody {
  readonly finalUrl: string;
  readonly representation: Representation;
  readonly contentType: string | undefined;
  readonly start: number;
  readonly end: number | undefined;
  readonly acceptsRanges: boolean;
  readonly timeToFirstByteMs: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly #options: HealingBodyOptions;
  readonly #guard: HtmlGuard | undefined;
  #current: OpenedAnswer;
  /** Offset of the next byte of the current answer. */
  #position: number;
  /** Offset of the next byte that the caller has not got. */
  #offset: number;
  #end: number | undefined;
  #breaksWithoutProgress = 0;
  #isFinished = false;

  constructor(options: HealingBodyOptions) {
    const { first, start } = options;
    this.#options = options;
    this.#current = first;
    this.#position = first.acceptance.bodyStart;
    this.#offset = start;
    this.#end = first.acceptance.end;
    this.#guard = options.isHtmlGuarded && start === 0 ? new HtmlGuard() : undefined;
    this.finalUrl = first.answer.target.href;
    this.representation = first.acceptance.representation;
    this.contentType = first.acceptance.contentType;
    this.start = start;
    this.end = first.acceptance.end;
    this.acceptsRanges = first.acceptance.acceptsRanges;
    this.timeToFirstByteMs = first.answer.timeToFirstByteMs;
    this.chunks = this.#pull();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#finish();
  }

  async *#pull(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (let chunk = await this.#next(); chunk !== undefined; chunk = await this.#next()) yield chunk;
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#current.answer.release();
    this.#options.scope.end();
    this.#options.onEnd(this.#offset - this.start);
  }

  /** The next bytes, never empty; undefined when the body is whole. */
  async #next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const { answer, acceptance } = this.#current;
      this.#options.scope.throwIfEnded();
      // A longer answer than was wanted is left where the wanted part ends.
      if (this.#offset === this.#end && acceptance.bodyEnd !== this.#end) return this.#rest();
      let bytes: Uint8Array | undefined;
      try {
        bytes = await answer.read();
      } catch (error) {
        if (!isRetryable(error)) throw error;
        if (this.#offset === this.#end) return this.#rest();
        if (!(await this.#heal(error))) return this.#rest();
        continue;
      }
      if (bytes === undefined) {
        if (this.#end === undefined || this.#offset === this.#end) return this.#rest();
        if (this.#position === acceptance.bodyEnd) await this.#reopen();
        else if (!(await this.#heal(this.#tooShort(this.#end)))) return this.#rest();
        continue;
      }
      const given = this.#guarded(this.#wanted(bytes, acceptance));
      if (given.length > 0) return given;
    }
  }

  /** The part of an answer's bytes that the caller has not got and wants. */
  #wanted(bytes: Uint8Array, { bodyEnd }: Acceptance): Uint8Array {
    const from = this.#position;
    this.#position += bytes.length;
    if (bodyEnd !== undefined && this.#position > bodyEnd) {
      throw this.#failure('net/body-too-long', `more bytes than announced (${bodyEnd})`);
    }
    const stop = Math.min(this.#position, this.#end ?? this.#position);
    if (stop <= this.#offset) return bytes.subarray(0, 0);
    const part = bytes.subarray(this.#offset - from, stop - from);
    this.#offset = stop;
    this.#breaksWithoutProgress = 0;
    return part;
  }

  #guarded(bytes: Uint8Array): Uint8Array {
    const passed = this.#guard?.pass(bytes) ?? bytes;
    if (passed !== 'html') return passed;
    throw this.#failure(
      'net/unexpected-html',
      'a web page came instead of media; is this a sign-in page, or the address of a player?',
    );
  }

  #rest(): Uint8Array | undefined {
    const held = this.#guard?.rest();
    return held === undefined || held.length === 0 ? undefined : held;
  }

  /** Continues after a break. False when there turns out to be nothing left. */
  async #heal(error: NetError): Promise<boolean> {
    const { policy, scope, onHealed } = this.#options;
    const breaks = this.#breaksWithoutProgress;
    const { validator, totalLength } = this.representation;
    const isComparable = validator !== '' || totalLength !== undefined;
    if (breaks >= policy.maxRetries || !isComparable) throw error.withAttempts(breaks + 1);
    this.#breaksWithoutProgress += 1;
    try {
      if (breaks > 0) await policy.sleep(policy.backoffMs(breaks - 1), scope.signal);
      await this.#reopen();
    } catch (failed) {
      const endsHere = failed instanceof NetError && failed.status === 416 && failed.totalLength === this.#offset;
      if (!endsHere) throw scope.judged(failed);
      // The connection broke after the last byte of a body of unknown length; else the server announced too much.
      if (this.#end === undefined) return false;
      throw error.withAttempts(breaks + 1);
    }
    onHealed(this.#offset, error);
    return true;
  }

  async #reopen(): Promise<void> {
    this.#current.answer.release();
    const opened = await this.#options.reopen(this.#offset, this.representation);
    if (this.#isFinished) {
      opened.answer.release();
      this.#options.scope.throwIfEnded();
    }
    this.#current = opened;
    this.#position = opened.acceptance.bodyStart;
    this.#end ??= opened.acceptance.end;
  }

  #tooShort(end: number): NetError {
    return this.#failure('net/body-too-short', `the body ended at ${this.#position}, announced were ${end} bytes`);
  }

  #failure(code: NetError['code'], what: string): NetError {
    const { label } = this.#options;
    return new NetError(code, `GET ${label}: ${what}`, { url: label });
  }
}
