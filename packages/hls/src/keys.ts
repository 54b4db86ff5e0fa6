import type { Asset, ProducedWhole } from '@tutti/assets';
import { NetError } from '@tutti/net';
import type { HttpClient } from '@tutti/net';
import { HlsError, publicUrl } from './hls-error.ts';
import { isSupportedKey } from './playlist/segment-key.ts';
import type { SegmentKey } from './playlist/segment-key.ts';
import { StoreInBackground } from './store-in-background.ts';

/**
 * Turns the bytes that a key server sent into the 16 bytes of the key, before they are stored. The bytes are never
 * logged and never part of an error; a processor must keep to that too.
 */
export type KeyProcessor = (bytes: Uint8Array, context: { readonly uri: string }) => Uint8Array | Promise<Uint8Array>;

export interface KeyRingOptions {
  readonly asset: Asset;
  /** Absent: offline, stored keys only. */
  readonly client: HttpClient | undefined;
  readonly keyProcessor?: KeyProcessor | undefined;
  readonly identityQuery?: readonly string[] | undefined;
  readonly onRequest: () => void;
}

const KEY_BYTES = 16;
/** What a key server may send: a key, or a licence for the processor to unwrap. */
const MAX_ANSWER_BYTES = 64 * 1024;
/** Keys that a presentation announces and that are fetched before its segments ask: ladders share one, or have one for each rung. */
const MAX_PREFETCHED_KEYS = 8;
/** Keys held in memory; with a rotation per segment, an hour of them. */
const MAX_HELD_KEYS = 1024;

/** Keys of one presentation: fetched once each, processed, stored with mode 0600 and held in memory while it plays. */
export class KeyRing {
  readonly #options: KeyRingOptions;
  readonly #held = new Map<string, Uint8Array>();
  readonly #background = new StoreInBackground();

  constructor(options: KeyRingOptions) {
    this.#options = options;
  }

  /**
   * The 16 bytes of a key that `checkSupported` has let through. Callers that ask at once share one request. Throws `hls/bad-key`,
   * `hls/key-missing`, `NetError`, and `AssetError` `assets/not-cached` offline.
   */
  async get(key: SegmentKey, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const held = this.#held.get(key.uri);
    if (held !== undefined) return held;
    const bytes = await this.#load(key.uri, signal);
    const [oldest] = this.#held.keys();
    if (this.#held.size >= MAX_HELD_KEYS && oldest !== undefined) this.#held.delete(oldest);
    this.#held.set(key.uri, bytes);
    return bytes;
  }

  /** Resolves when every key that came is stored; rejects with what kept one of them from it. */
  async stored(): Promise<void> {
    await this.#background.stored();
  }

  /** Fetches announced keys (EXT-X-SESSION-KEY) while media playlists load. Never rejects: whoever needs a key learns what is wrong with it. */
  async prefetch(keys: readonly SegmentKey[], { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const wanted = keys.filter(isSupportedKey).slice(0, MAX_PREFETCHED_KEYS);
    await Promise.allSettled(wanted.map((key) => this.get(key, { signal })));
  }

  async #load(uri: string, signal: AbortSignal | undefined): Promise<Uint8Array> {
    const { asset, client, identityQuery } = this.#options;
    const key = asset.key('keys', uri, identityQuery === undefined ? {} : { identityQuery });
    return this.#background.first(async (announce, reading) => {
      const produce = async (from: HttpClient, producerSignal: AbortSignal): Promise<ProducedWhole> => {
        const produced = await this.#fetch(from, uri, producerSignal);
        announce(produced.bytes);
        return produced;
      };
      const { bytes } = await asset.whole(
        key,
        client === undefined ? undefined : (producerSignal) => produce(client, producerSignal),
        { isSecret: true, signal: reading },
      );
      return checkLength(bytes, uri);
    }, signal);
  }

  async #fetch(client: HttpClient, uri: string, signal: AbortSignal): Promise<ProducedWhole> {
    this.#options.onRequest();
    const answer = await client
      .fetchWhole({ url: uri, kind: 'key', maxBytes: MAX_ANSWER_BYTES }, { signal })
      .catch((error: unknown) => {
        throw toKeyError(error, uri);
      });
    const bytes = checkLength(await this.#process(answer.bytes, uri), uri);
    // The validator and length are of the answer; the type of a key tells nothing.
    const origin = { ...answer.representation, contentType: undefined, transformId: undefined };
    return { bytes, finalUrl: answer.finalUrl, origin };
  }

  async #process(bytes: Uint8Array, uri: string): Promise<Uint8Array> {
    const { keyProcessor } = this.#options;
    if (keyProcessor === undefined) return bytes;
    try {
      return await keyProcessor(bytes, { uri });
    } catch (cause) {
      throw new HlsError('hls/bad-key', `the key processor refused key ${publicUrl(uri)}`, { url: uri, cause });
    }
  }
}

function checkLength(bytes: Uint8Array, uri: string): Uint8Array {
  if (bytes.byteLength === KEY_BYTES) return bytes;
  const message = `key ${publicUrl(uri)} is ${bytes.byteLength} bytes long instead of ${KEY_BYTES}: check the key server, or give a key processor`;
  throw new HlsError('hls/bad-key', message, { url: uri });
}

function toKeyError(error: unknown, uri: string): unknown {
  if (!(error instanceof NetError)) return error;
  switch (error.code) {
    case 'net/not-found':
    case 'net/forbidden':
      return new HlsError('hls/key-missing', `key ${publicUrl(uri)} cannot be had: the server answered ${error.status ?? 'no'}`, {
        url: uri,
        cause: error,
      });
    case 'net/body-too-large':
    case 'net/unexpected-html':
      return new HlsError('hls/bad-key', `what ${publicUrl(uri)} sent is no key: check the key server`, { url: uri, cause: error });
    default:
      return error;
  }
}
